"""Reading a playbook directory into a `Playbook`, or saying exactly why it cannot be.

The loader refuses unknown keys, missing ones, wrong types, unknown categories, fields and items, ids used
twice, and texts of another locale for ids that do not exist. It never guesses.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeVar

from koemori.assist.errors import PlaybookError
from koemori.assist.playbooks.lexicon import load_lexicon
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
from koemori.assist.playbooks.texts import apply_texts
from koemori.assist.playbooks.toml_table import Table, read_toml
from koemori.assist.types import CASE_FIELDS, Category, EndState
from koemori.audio.call import ChannelRole

BUILT_IN: Final = Path(__file__).with_name("data")
DETECTION_LOCALE: Final = "ja"
STAGES: Final = ("step1", "step2", "step3", "step4", "safety", "correction")
SEVERITIES: Final = ("notice", "warning", "danger")
_T = TypeVar("_T")
_ROLES: Final = ("agent", "customer")


def load_playbook(locale: str = "ja", directory: Path | None = None) -> Playbook:
    """Read the playbook in `directory` (default: the one that ships), with texts of `locale`.

    Raises:
        PlaybookError: a file does not fit; file, line, what was expected and what came.
    """
    root = directory or BUILT_IN
    home = root / DETECTION_LOCALE
    if not home.is_dir():
        raise PlaybookError(str(root), None, f"a folder {DETECTION_LOCALE}/ with the rules", "none")
    about = read_toml(home / "playbook.toml")
    declared = about.text("version")
    labels_table = about.table("labels")
    labels = {key: labels_table.text(key) for key in labels_table}
    about.done()
    checklist = _unique(_read_checklist(home / "checklist.toml"), lambda item: item.id, home)
    ladder = _read_ladder(home / "ladder.toml")
    items = {item.id for item in checklist} | {step.id for step in ladder.steps}
    rules = [
        rule
        for file in sorted((home / "guidance").glob("*.toml"))
        for rule in _read_rules(file, frozenset(items))
    ]
    playbook = Playbook(
        version=f"{declared}+{_digest(root)}",
        locale=DETECTION_LOCALE,
        lexicon=load_lexicon(home / "lexicon"),
        rules=_unique(rules, lambda rule: rule.id, home / "guidance"),
        ladder=ladder,
        checklist=checklist,
        end_states=_unique(_read_end_states(home / "end_states.toml"), lambda rule: rule.id, home),
        case_words=_read_case_words(home / "case.toml"),
        labels=labels,
    )
    if locale == DETECTION_LOCALE:
        return playbook
    return apply_texts(playbook, locale, root / locale)


def _digest(root: Path) -> str:
    total = hashlib.sha256()
    for file in sorted(root.rglob("*.toml")):
        total.update(file.relative_to(root).as_posix().encode())
        total.update(b"\0")
        total.update(file.read_bytes())
        total.update(b"\0")
    return total.hexdigest()[:8]


def _unique(items: Iterable[_T], name: Callable[[_T], str], place: Path) -> tuple[_T, ...]:
    found: dict[str, _T] = {}
    for item in items:
        if name(item) in found:
            raise PlaybookError(str(place), None, "each id once", f"{name(item)!r} twice")
        found[name(item)] = item
    return tuple(found.values())


def _read_rules(file: Path, items: frozenset[str]) -> list[GuidanceRule]:
    document = read_toml(file)
    rules = [_read_rule(table, items) for table in document.tables("rule")]
    document.done()
    return rules


def _read_rule(table: Table, items: frozenset[str]) -> GuidanceRule:
    rule_id = table.text("id")
    when = _read_when(table.table("when", required=True), items)
    done_item = table.text("done_item", "") or None
    if done_item is not None:
        table.check("done_item", done_item, items)
    elif isinstance(when, ChecklistWhen):
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
    )
    table.done()
    return rule


def _read_when(table: Table, items: frozenset[str]) -> When:
    detector = table.choice("detector", ("alert", "repetition", "checklist", "missing", "words"))
    when = _WHEN[detector](table, items)
    table.done()
    return when


def _alert_when(table: Table, _: frozenset[str]) -> When:
    return AlertWhen(
        categories=tuple(Category(name) for name in table.choices("category", Category, required=True)),
        severity_min=table.integer("severity_min", 2, low=1, high=3),
        severity_max=table.integer("severity_max", 3, low=1, high=3),
        count_min=table.integer("count_min", 1, low=1),
        rule_ids=table.texts("rule_id"),
    )


def _repetition_when(table: Table, _: frozenset[str]) -> When:
    return RepetitionWhen(count_min=table.integer("count_min", 3, low=2))


def _checklist_when(table: Table, items: frozenset[str]) -> When:
    return ChecklistWhen(
        item=table.choice("item", items),
        overdue_ms=table.integer("overdue_ms", 0),
        after_item=_after(table, items),
    )


def _missing_when(table: Table, items: frozenset[str]) -> When:
    return MissingWhen(
        field=table.choice("field", CASE_FIELDS),
        overdue_ms=table.integer("overdue_ms", 0),
        after_item=_after(table, items),
    )


def _after(table: Table, items: frozenset[str]) -> str | None:
    item = table.text("after_item", "")
    if item:
        table.check("after_item", item, items)
    return item or None


def _words_when(table: Table, _: frozenset[str]) -> When:
    return WordsWhen(
        speaker=ChannelRole(table.choice("speaker", _ROLES)),
        any=table.patterns("any", required=True),
        unless=table.patterns("unless"),
    )


_WHEN: Final[dict[str, Callable[[Table, frozenset[str]], When]]] = {
    "alert": _alert_when,
    "repetition": _repetition_when,
    "checklist": _checklist_when,
    "missing": _missing_when,
    "words": _words_when,
}


def _read_ladder(file: Path) -> Ladder:
    document = read_toml(file)
    first = document.table("first_words")
    words = {}
    for name in first:
        first.check(name, name, Category)
        words[Category(name)] = first.text(name)
    ladder = Ladder(
        steps=tuple(_read_step(table) for table in document.tables("step")),
        categories=tuple(Category(name) for name in document.choices("categories", Category, required=True)),
        severity_min=document.integer("severity_min", 2, low=1, high=3),
        repetition_min=document.integer("repetition_min", 4, low=2),
        cooldown_ms=document.integer("cooldown_ms", 15_000),
        expires_ms=document.integer("expires_ms", 45_000, low=1_000),
        priority=document.integer("priority", 70, high=100),
        first_words=words,
    )
    if [step.id for step in ladder.steps] != [f"ladder{n}" for n in range(1, 6)]:
        raise document.error(None, "steps ladder1 … ladder5 in order", "others")
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
        covers=table.texts("covers"),
    )
    table.done()
    return step


def _read_checklist(file: Path) -> list[ChecklistItem]:
    document = read_toml(file)
    items = []
    for table in document.tables("item"):
        items.append(
            ChecklistItem(
                id=table.text("id"),
                step=table.choice("step", ("step1", "step2", "step3", "step4", "firm", "safety")),
                label=table.text("label"),
                question=table.text("question", ""),
                speaker=ChannelRole(table.choice("speaker", _ROLES, "agent")),
                heard=table.patterns("heard", required=True),
                unless=table.patterns("unless"),
            )
        )
        table.done()
    document.done()
    return items


def _read_end_states(file: Path) -> list[EndStateRule]:
    document = read_toml(file)
    rules = []
    for table in document.tables("rule"):
        rules.append(
            EndStateRule(
                id=table.text("id"),
                state=EndState(table.choice("state", EndState)),
                speaker=ChannelRole(table.choice("speaker", _ROLES)),
                weight=table.integer("weight", 1, low=1, high=9),
                any=table.patterns("any", required=True),
                unless=table.patterns("unless"),
            )
        )
        table.done()
    document.done()
    return rules


def _read_case_words(file: Path) -> CaseWords:
    document = read_toml(file)
    demand_types = {}
    for name, pattern in _pairs(document, "demand_types").items():
        try:
            demand_types[name] = re.compile(pattern)
        except re.error as error:
            raise document.error("demand_types", "regular expressions", f"{name} ({error})") from error
    words = CaseWords(
        surnames=document.texts("surnames", required=True),
        products=document.texts("products", required=True),
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
        if not mark or not left or not right:
            raise document.error(key, f"{key} to hold 'left=right'", repr(pair))
        found[left] = right
    return found
