"""Reading a playbook directory into a `Playbook`, or saying exactly why it cannot be.

The loader refuses unknown keys, missing ones, wrong types, unknown categories, fields and items, ids used
twice, and texts of another locale for ids that do not exist. It never guesses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from koemori.assist.errors import PlaybookError
from koemori.assist.playbooks.files import PlaybookFiles
from koemori.assist.playbooks.lexicon import read_lexicon
from koemori.assist.playbooks.schema import (
    AlertWhen,
    CaseWords,
    ChecklistItem,
    ChecklistWhen,
    EndStateRule,
    GuidanceRule,
    Ladder,
    LadderStep,
    MissingWhen,
    Playbook,
    RepetitionWhen,
    When,
    WordsWhen,
)
from koemori.assist.playbooks.tag_rules import TagRules, read_tags
from koemori.assist.playbooks.texts import apply_texts
from koemori.assist.playbooks.toml_table import Table
from koemori.assist.types import CASE_FIELDS, Category, EndState
from koemori.audio.call import ChannelRole

BUILT_IN: Final = Path(__file__).with_name("data")
DETECTION_LOCALE: Final = "ja"
STAGES: Final = ("step1", "step2", "step3", "step4", "safety", "correction")
SEVERITIES: Final = ("notice", "warning", "danger")
LADDER: Final = tuple(f"ladder{n}" for n in range(1, 6))
_T = TypeVar("_T")
_ROLES: Final = ("agent", "customer")


def load_playbook(locale: str = "ja", directory: Path | None = None) -> Playbook:
    """Read the playbook in `directory` (default: the one that ships), with texts of `locale`.

    Raises:
        PlaybookError: a file does not fit; file, line, what was expected and what came.
    """
    files = PlaybookFiles.read(directory or BUILT_IN)
    playbook = read_playbook(files)
    return playbook if locale == DETECTION_LOCALE else apply_texts(playbook, locale, files)


def load_locales(files: PlaybookFiles) -> dict[str, Playbook]:
    """The playbook in each language that it has words in; they share what detects.

    Raises:
        PlaybookError: a file does not fit, unless `files` collects refusals.
    """
    playbook = read_playbook(files)
    others = (locale for locale in files.locales() if locale != DETECTION_LOCALE)
    return {DETECTION_LOCALE: playbook} | {name: apply_texts(playbook, name, files) for name in others}


def read_playbook(files: PlaybookFiles) -> Playbook:
    """The playbook with its Japanese words.

    Raises:
        PlaybookError: a file does not fit, unless `files` collects refusals.
    """
    home = DETECTION_LOCALE
    if home not in files.locales():
        files.refusal(PlaybookError(str(files.root), None, f"a folder {home}/ with the rules", "none"))
    about = files.table(f"{home}/playbook.toml")
    declared, author, changed_at, labels = read_about(about)
    checklist = read_checklist(files.table(f"{home}/checklist.toml"))
    ladder = read_ladder(files.table(f"{home}/ladder.toml"))
    items = frozenset({item.id for item in checklist} | {step.id for step in ladder.steps})
    rules = read_guidance(files.tables(f"{home}/guidance"), items)
    digest = files.digest()
    return Playbook(
        version=f"{declared}+{digest[:8]}",
        locale=home,
        lexicon=read_lexicon(files.tables(f"{home}/lexicon")),
        rules=tuple(rule for rule in rules if rule.enabled),
        ladder=ladder,
        checklist=checklist,
        end_states=read_end_states(files.table(f"{home}/end_states.toml")),
        case_words=read_case_words(files.table(f"{home}/case.toml")),
        labels=labels,
        digest=digest,
        author=author,
        changed_at=changed_at,
        declared_rules=rules,
        files=files.texts(),
        tags=read_tags(files.table(tags)) if (tags := f"{home}/tags.toml") in files.contents else TagRules(),
    )


def read_about(document: Table) -> tuple[str, str, str, dict[str, str]]:
    """Version, author, day of the last change, and labels."""
    declared, author = document.text("version"), document.text("author", "")
    changed_at = document.day("changed_at")
    table = document.table("labels")
    labels = {key: table.text(key) for key in table.names()}
    document.done()
    return declared, author, changed_at, labels


def _unique(items: Iterable[tuple[Table, _T]], name: Callable[[_T], str]) -> tuple[_T, ...]:
    found: dict[str, _T] = {}
    for table, item in items:
        if name(item) in found:
            table.refuse("id", "each id once", f"{name(item)!r} twice")
        found[name(item)] = item
    return tuple(found.values())


def read_guidance(documents: Iterable[Table], items: frozenset[str]) -> tuple[GuidanceRule, ...]:
    """The guidance rules of some files; `items` are the ids they may ask about."""
    rules: list[tuple[Table, GuidanceRule]] = []
    for document in documents:
        rules += [(table, _read_rule(table, items)) for table in document.tables("rule")]
        document.done()
    return _unique(rules, lambda rule: rule.id)


def _read_rule(table: Table, items: frozenset[str]) -> GuidanceRule:
    rule_id = table.identifier()
    when = _read_when(table.table("when", required=True), items)
    done_item = _item(table, "done_item", items)
    if done_item is None and isinstance(when, ChecklistWhen):
        done_item = when.item
    rule = GuidanceRule(
        id=rule_id,
        when=when,
        stage=table.choice("stage", STAGES),
        severity=table.choice("severity", SEVERITIES, "notice"),
        priority=table.integer("priority", 50, high=100),
        say=table.text("say"),
        why=table.text("why"),
        source=table.text("source"),
        cooldown_ms=table.integer("cooldown_ms", 60_000),
        expires_ms=table.integer("expires_ms", 30_000, low=1_000),
        limit=table.integer("limit", 0),
        done_item=done_item,
        not_in_harassment=table.boolean("not_in_harassment", False),
        yields=table.boolean("yields", False),
        version=table.integer("version", 1, low=1),
        author=table.text("author", ""),
        enabled=table.boolean("enabled", True),
        origin=table.origin(),
    )
    table.done()
    return rule


def _read_when(table: Table, items: frozenset[str]) -> When:
    readers = {name: partial(reader, items=items) for name, reader in _WHEN.items()}
    when = table.variant("detector", readers)
    table.done()
    return when


def _alert_when(table: Table, items: frozenset[str]) -> When:
    return AlertWhen(
        categories=tuple(Category(name) for name in table.choices("category", Category, required=True)),
        severity_min=table.integer("severity_min", 2, low=1, high=3),
        severity_max=table.integer("severity_max", 3, low=1, high=3),
        count_min=table.integer("count_min", 1, low=1),
        rule_ids=table.texts("rule_id"),
    )


def _repetition_when(table: Table, items: frozenset[str]) -> When:
    return RepetitionWhen(count_min=table.integer("count_min", 3, low=2))


def _checklist_when(table: Table, items: frozenset[str]) -> When:
    return ChecklistWhen(
        item=table.choice("item", items),
        overdue_ms=table.integer("overdue_ms", 0),
        after_item=_item(table, "after_item", items),
    )


def _missing_when(table: Table, items: frozenset[str]) -> When:
    return MissingWhen(
        field=table.choice("field", CASE_FIELDS),
        overdue_ms=table.integer("overdue_ms", 0),
        after_item=_item(table, "after_item", items),
        asked=table.patterns("asked"),
    )


def _item(table: Table, key: str, items: frozenset[str]) -> str | None:
    """An item of the checklist or a step of the ladder; None when the key is not there."""
    item = table.text(key, "")
    return item if item and table.check(key, item, items) else None


def _words_when(table: Table, items: frozenset[str]) -> When:
    return WordsWhen(
        speaker=ChannelRole(table.choice("speaker", _ROLES)),
        any=table.patterns("any", required=True),
        unless=table.patterns("unless"),
    )


_WHEN: Final[dict[str, Callable[..., When]]] = {
    "alert": _alert_when,
    "repetition": _repetition_when,
    "checklist": _checklist_when,
    "missing": _missing_when,
    "words": _words_when,
}


def read_ladder(document: Table) -> Ladder:
    """The warning ladder."""
    first = document.table("first_words")
    words = {Category(name): first.text(name) for name in first.names(Category)}
    ladder = Ladder(
        steps=tuple(_read_step(table) for table in document.tables("step")),
        categories=tuple(Category(name) for name in document.choices("categories", Category, required=True)),
        severity_min=document.integer("severity_min", 2, low=1, high=3),
        repetition_min=document.integer("repetition_min", 4, low=2),
        cooldown_ms=document.integer("cooldown_ms", 15_000),
        expires_ms=document.integer("expires_ms", 45_000, low=1_000),
        priority=document.integer("priority", 70, high=100),
        approval_ms=document.integer("approval_ms", 600_000, low=60_000),
        first_words=words,
    )
    if tuple(step.id for step in ladder.steps) != LADDER:
        document.refuse(None, "steps ladder1 … ladder5 in order", "others")
    document.done()
    return ladder


def _read_step(table: Table) -> LadderStep:
    step = LadderStep(
        id=table.text("id"),
        label=table.text("label"),
        say=table.text("say"),
        why=table.text("why"),
        source=table.text("source"),
        heard=table.patterns("heard", required=True),
        unless=table.patterns("unless"),
        after=_item(table, "after", frozenset(LADDER)),
        in_person=table.patterns("in_person"),
        expires_ms=table.integer("expires_ms", 0) or None,
    )
    table.done()
    return step


def read_checklist(document: Table) -> tuple[ChecklistItem, ...]:
    """The items of the checklist."""
    items = []
    for table in document.tables("item"):
        item = ChecklistItem(
            id=table.identifier(),
            step=table.choice("step", ("step1", "step2", "step3", "step4", "firm", "safety")),
            label=table.text("label"),
            question=table.text("question", ""),
            speaker=ChannelRole(table.choice("speaker", _ROLES, "agent")),
            heard=table.patterns("heard", required=True),
            unless=table.patterns("unless"),
        )
        items.append((table, item))
        table.done()
    document.done()
    return _unique(items, lambda item: item.id)


def read_end_states(document: Table) -> tuple[EndStateRule, ...]:
    """The words after which a matter stands in some way."""
    rules = []
    for table in document.tables("rule"):
        rule = EndStateRule(
            id=table.identifier(),
            state=EndState(table.choice("state", EndState)),
            speaker=ChannelRole(table.choice("speaker", _ROLES)),
            weight=table.integer("weight", 1, low=1, high=9),
            any=table.patterns("any", required=True),
            unless=table.patterns("unless"),
        )
        rules.append((table, rule))
        table.done()
    document.done()
    return _unique(rules, lambda rule: rule.id)


def read_case_words(document: Table) -> CaseWords:
    """The words that the extractors look for."""
    demand_types = {}
    for name, pattern in _pairs(document, "demand_types").items():
        try:
            demand_types[name] = re.compile(pattern)
        except re.error as error:
            document.refuse("demand_types", "regular expressions", f"{name} ({error})", name)
    words = CaseWords(
        surnames=document.texts("surnames", required=True),
        products=document.texts("products", required=True),
        products_in_passing=document.texts("products_in_passing"),
        services=_pairs(document, "services"),
        demand_types=demand_types,
        places_outer=document.texts("places_outer", required=True),
        places_inner=document.texts("places_inner", required=True),
        families=document.texts("families", required=True),
        trouble=document.patterns("trouble", required=True),
        grievance=document.patterns("grievance", required=True),
        trivial_demands=document.patterns("trivial_demands"),
        demand_objects=document.patterns("demand_objects", required=True),
    )
    document.done()
    return words


def _pairs(document: Table, key: str) -> dict[str, str]:
    """A list of `left=right` strings, in order."""
    found = {}
    for pair in document.texts(key, required=True):
        left, mark, right = pair.partition("=")
        if mark and left and right:
            found[left] = right
        else:
            document.refuse(key, f"{key} to hold 'left=right'", repr(pair), pair)
    return found
