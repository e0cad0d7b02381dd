"""Another locale's words for a playbook: the same ids, other texts. Detection is not touched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from koemori.assist.errors import PlaybookError
from koemori.assist.playbooks.schema import ChecklistItem, GuidanceRule, LadderStep, Playbook
from koemori.assist.playbooks.toml_table import Table, read_toml
from koemori.assist.types import Category

_T = TypeVar("_T", GuidanceRule, ChecklistItem, LadderStep)


def apply_texts(playbook: Playbook, locale: str, file: Path) -> Playbook:
    """The playbook with the texts of `file`; what it leaves out stays in Japanese.

    Raises:
        PlaybookError: there is no such file, or it has a text for an id that does not exist.
    """
    if not file.is_file():
        raise PlaybookError(str(file), None, f"the texts of locale {locale!r}", "no such file")
    document = read_toml(file)
    rules = _section(document, "rule", [rule.id for rule in playbook.rules])
    steps = _section(document, "step", [step.id for step in playbook.ladder.steps])
    items = _section(document, "item", [item.id for item in playbook.checklist])
    first = document.table("first_words")
    first_words = dict(playbook.ladder.first_words)
    for name in first:
        first.check(name, name, [str(category) for category in first_words])
        first_words[Category(name)] = first.text(name)
    labels = dict(playbook.labels)
    labels_table = document.table("labels")
    for name in labels_table:
        labels_table.check(name, name, labels)
        labels[name] = labels_table.text(name)
    document.done()
    return replace(
        playbook,
        locale=locale,
        labels=labels,
        rules=tuple(_worded(rule, rules.get(rule.id), ("say", "why", "source")) for rule in playbook.rules),
        checklist=tuple(
            _worded(item, items.get(item.id), ("label", "question")) for item in playbook.checklist
        ),
        ladder=replace(
            playbook.ladder,
            first_words=first_words,
            steps=tuple(
                _worded(step, steps.get(step.id), ("label", "say", "why", "source"))
                for step in playbook.ladder.steps
            ),
        ),
    )


def _section(document: Table, key: str, ids: Iterable[str]) -> dict[str, Table]:
    found = {}
    allowed = list(ids)
    for table in document.tables(key):
        name = table.choice("id", allowed)
        if name in found:
            raise table.error("id", "each id once", f"{name!r} twice")
        found[name] = table
    return found


def _worded(thing: _T, table: Table | None, names: tuple[str, ...]) -> _T:
    if table is None:
        return thing
    words = {name: table.text(name) for name in names if table.has(name)}
    table.done()
    return replace(thing, **words)
