"""Another locale's words for a playbook: the same ids, other texts. Detection is not touched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from koemori.assist.errors import PlaybookError
from koemori.assist.playbooks.schema import ChecklistItem, GuidanceRule, LadderStep, Playbook
from koemori.assist.playbooks.toml_table import Table, read_toml
from koemori.assist.types import Category


def apply_texts(playbook: Playbook, locale: str, folder: Path) -> Playbook:
    """The playbook with the texts of every TOML file of `folder`; what they leave out stays in Japanese.

    Raises:
        PlaybookError: there is no such file, a text for an id that does not exist, or two for one id.
    """
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise PlaybookError(
            str(folder), None, f"the texts of locale {locale!r} in TOML files", "no such file"
        )
    seen: set[tuple[str, str]] = set()
    for file in files:
        playbook = _apply(playbook, file, seen)
    return replace(playbook, locale=locale)


def _apply(playbook: Playbook, file: Path, seen: set[tuple[str, str]]) -> Playbook:
    document = read_toml(file)
    rules = _section(document, "rule", [rule.id for rule in playbook.rules], seen)
    steps = _section(document, "step", [step.id for step in playbook.ladder.steps], seen)
    items = _section(document, "item", [item.id for item in playbook.checklist], seen)
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
        labels=labels,
        rules=tuple(_rule(rule, rules.get(rule.id)) for rule in playbook.rules),
        checklist=tuple(_item(item, items.get(item.id)) for item in playbook.checklist),
        ladder=replace(
            playbook.ladder,
            first_words=first_words,
            steps=tuple(_step(step, steps.get(step.id)) for step in playbook.ladder.steps),
        ),
    )


def _section(document: Table, key: str, ids: Iterable[str], seen: set[tuple[str, str]]) -> dict[str, Table]:
    found = {}
    allowed = list(ids)
    for table in document.tables(key):
        name = table.choice("id", allowed)
        if (key, name) in seen:
            raise table.error("id", "each id once", f"{name!r} twice")
        seen.add((key, name))
        found[name] = table
    return found


def _words(table: Table | None, names: tuple[str, ...]) -> dict[str, str]:
    if table is None:
        return {}
    words = {name: table.text(name) for name in names if table.has(name)}
    table.done()
    return words


def _rule(rule: GuidanceRule, table: Table | None) -> GuidanceRule:
    words = _words(table, ("say", "why", "source"))
    return replace(
        rule,
        say=words.get("say", rule.say),
        why=words.get("why", rule.why),
        source=words.get("source", rule.source),
    )


def _step(step: LadderStep, table: Table | None) -> LadderStep:
    words = _words(table, ("label", "say", "why", "source"))
    return replace(
        step,
        label=words.get("label", step.label),
        say=words.get("say", step.say),
        why=words.get("why", step.why),
        source=words.get("source", step.source),
    )


def _item(item: ChecklistItem, table: Table | None) -> ChecklistItem:
    words = _words(table, ("label", "question"))
    return replace(item, label=words.get("label", item.label), question=words.get("question", item.question))
