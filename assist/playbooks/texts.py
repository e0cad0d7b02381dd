"""Another locale's words for a playbook: the same ids, other texts. Detection is not touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from koemori.assist.errors import PlaybookError
from koemori.assist.playbooks.files import PlaybookFiles
from koemori.assist.playbooks.schema import ChecklistItem, GuidanceRule, LadderStep, Playbook
from koemori.assist.playbooks.toml_table import Table
from koemori.assist.types import Category


def apply_texts(playbook: Playbook, locale: str, files: PlaybookFiles) -> Playbook:
    """The playbook with the texts of every TOML file of the locale; what they leave out stays in Japanese.

    Raises:
        PlaybookError: there is no such file, a text for an id that does not exist, or two for one id.
    """
    documents = files.tables(locale)
    if not documents:
        files.refusal(
            PlaybookError(
                str(files.root / locale),
                None,
                f"the texts of locale {locale!r} in TOML files",
                "no such file",
            )
        )
    seen: set[tuple[str, str]] = set()
    for document in documents:
        playbook = read_texts(playbook, document, seen)
    return replace(playbook, locale=locale)


def read_texts(playbook: Playbook, document: Table, seen: set[tuple[str, str]]) -> Playbook:
    """The playbook with the texts of one file; `seen` are the ids that already have theirs."""
    ids = [rule.id for rule in playbook.declared_rules]
    rules = _section(document, "rule", ids, _RULE_WORDS, seen)
    steps = _section(document, "step", [step.id for step in playbook.ladder.steps], _STEP_WORDS, seen)
    items = _section(document, "item", [item.id for item in playbook.checklist], _ITEM_WORDS, seen)
    first = document.table("first_words")
    first_words = dict(playbook.ladder.first_words)
    for name in first.names(first_words):
        first_words[Category(name)] = first.text(name)
    labels = dict(playbook.labels)
    labels_table = document.table("labels")
    for name in labels_table.names(labels):
        labels[name] = labels_table.text(name)
    document.done()
    declared = tuple(_rule(rule, rules.get(rule.id, {})) for rule in playbook.declared_rules)
    return replace(
        playbook,
        labels=labels,
        declared_rules=declared,
        rules=tuple(rule for rule in declared if rule.enabled),
        checklist=tuple(_item(item, items.get(item.id, {})) for item in playbook.checklist),
        ladder=replace(
            playbook.ladder,
            first_words=first_words,
            steps=tuple(_step(step, steps.get(step.id, {})) for step in playbook.ladder.steps),
        ),
    )


def _section(
    document: Table, key: str, ids: Sequence[str], names: Iterable[str], seen: set[tuple[str, str]]
) -> dict[str, dict[str, str]]:
    found = {}
    for table in document.tables(key):
        name = table.text("id")
        if table.check("id", name, ids) and (key, name) in seen:
            table.refuse("id", "each id once", f"{name!r} twice")
        seen.add((key, name))
        found[name] = {word: table.text(word) for word in names if table.has(word)}
        table.done()
    return found


_RULE_WORDS: Final = ("say", "why", "source")
_STEP_WORDS: Final = ("label", "say", "why", "source")
_ITEM_WORDS: Final = ("label", "question")


def _rule(rule: GuidanceRule, words: Mapping[str, str]) -> GuidanceRule:
    return replace(
        rule,
        say=words.get("say", rule.say),
        why=words.get("why", rule.why),
        source=words.get("source", rule.source),
    )


def _step(step: LadderStep, words: Mapping[str, str]) -> LadderStep:
    return replace(
        step,
        label=words.get("label", step.label),
        say=words.get("say", step.say),
        why=words.get("why", step.why),
        source=words.get("source", step.source),
    )


def _item(item: ChecklistItem, words: Mapping[str, str]) -> ChecklistItem:
    return replace(item, label=words.get("label", item.label), question=words.get("question", item.question))
