"""The detector lexicon: rules, word classes, guards and mishearings, read from TOML.

Every file of the lexicon folder may hold any of these tables:

    [classes]              name = ["word", "{lemma}", "<other class>"]
    [confusions]           word = ["as the recogniser writes it", …]
    [[guard]]              words around a match that take its sting: negation, reported speech
    [[rule]]               what alerts, with its own examples and counter-examples
    [clock]                limits of practice (never law) for the detention clock and repetition

The pattern language is explained in `koemori.assist.matching`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from koemori.assist.errors import PlaybookError
from koemori.assist.matching import AtomIndex, Pattern, PatternCompiler, PatternSyntaxError
from koemori.assist.playbooks.toml_table import Table, read_toml
from koemori.assist.types import AGENT_SIDE, Category, Severity

SEVERITIES: Final = {"notice": Severity.NOTICE, "warning": Severity.WARNING, "danger": Severity.DANGER}


@dataclass(frozen=True, slots=True)
class Guard:
    """Words that make a match harmless: after it, before it (within `reach` characters), or anywhere."""

    name: str
    default: bool
    """Applies to every rule that does not name its own guards."""
    reach: int
    after: tuple[Pattern, ...]
    before: tuple[Pattern, ...]
    anywhere: tuple[Pattern, ...]
    inside: bool = False
    """`after` may also stand inside the match."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of utterance that alerts."""

    id: str
    version: int
    category: Category
    severity: Severity
    why: str
    """One sentence in Japanese for the person who reads the alert."""
    source: str
    patterns: tuple[Pattern, ...]
    unless: tuple[Pattern, ...]
    """Anywhere in the utterance: no alert."""
    guards: tuple[Guard, ...]
    examples: tuple[str, ...]
    counter_examples: tuple[str, ...]

    @property
    def of_agent(self) -> bool:
        """Whether the rule is about the agent's own words."""
        return self.category in AGENT_SIDE


@dataclass(frozen=True, slots=True)
class ClockSettings:
    """Limits of practice, set by the tenant; no law gives a number."""

    detention_notice_after_ms: int = 30 * 60 * 1000
    end_requests_for_warning: int = 2
    repeat_alert_count: int = 4


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """All rules of the detectors, compiled. Compared by identity."""

    rules: tuple[Rule, ...] = ()
    guards: tuple[Guard, ...] = ()
    topics: dict[str, tuple[Pattern, ...]] = field(default_factory=dict)
    """Named patterns that detectors ask about: `demand`, `agent_question`, `end_of_call`, …"""
    clock: ClockSettings = field(default_factory=ClockSettings)
    index: AtomIndex = field(default_factory=lambda: AtomIndex(()))

    def rule(self, rule_id: str) -> Rule | None:
        """The rule with this id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)


def load_lexicon(directory: Path) -> Lexicon:
    """Read every `*.toml` of a folder into one lexicon.

    Raises:
        PlaybookError: a file does not fit; file, line, what was expected and what came.
    """
    tables = [read_toml(file) for file in sorted(directory.glob("*.toml"))]
    compiler = PatternCompiler(_merge(tables, "classes"), _merge(tables, "confusions"))
    guards: dict[str, Guard] = {}
    for table in tables:
        for entry in table.tables("guard"):
            guard = _read_guard(entry, compiler)
            if guard.name in guards:
                raise entry.error("name", "a name used once", repr(guard.name))
            guards[guard.name] = guard
    rules: dict[str, Rule] = {}
    topics: dict[str, tuple[Pattern, ...]] = {}
    clock = ClockSettings()
    for table in tables:
        for entry in table.tables("rule"):
            rule = _read_rule(entry, compiler, guards)
            if rule.id in rules:
                raise entry.error("id", "an id used once", repr(rule.id))
            rules[rule.id] = rule
        named = table.table("topics")
        names = named.keys()
        for name in names:
            topics[name] = topics.get(name, ()) + _patterns(named, name, compiler)
        if table.has("clock"):
            clock = _read_clock(table.table("clock"))
        table.done()
    return Lexicon(tuple(rules.values()), tuple(guards.values()), topics, clock, compiler.index())


def _merge(tables: Iterable[Table], key: str) -> dict[str, tuple[str, ...]]:
    merged: dict[str, tuple[str, ...]] = {}
    for table in tables:
        named = table.table(key)
        names = named.keys()
        for name in names:
            merged[name] = merged.get(name, ()) + named.texts(name, required=True)
    return merged


def _patterns(table: Table, key: str, compiler: PatternCompiler) -> tuple[Pattern, ...]:
    return _compiled(table, key, table.texts(key), compiler.compile)


def _compiled(
    table: Table, key: str, texts: Iterable[str], compile_one: Callable[[str], tuple[Pattern, ...]]
) -> tuple[Pattern, ...]:
    found: list[Pattern] = []
    for text in texts:
        try:
            found.extend(compile_one(text))
        except PatternSyntaxError as error:
            raise table.error(key, "a pattern", str(error)) from error
    return tuple(found)


def _read_guard(entry: Table, compiler: PatternCompiler) -> Guard:
    guard = Guard(
        name=entry.text("name"),
        default=entry.boolean("default", True),
        reach=entry.integer("reach", 8, high=200),
        after=_patterns(entry, "after", compiler),
        before=_patterns(entry, "before", compiler),
        anywhere=_patterns(entry, "anywhere", compiler),
        inside=entry.boolean("inside", False),
    )
    entry.done()
    return guard


def _read_rule(entry: Table, compiler: PatternCompiler, guards: dict[str, Guard]) -> Rule:
    category = entry.choice("category", [c.value for c in Category])
    if entry.has("guards"):
        chosen = tuple(guards[name] for name in entry.choices("guards", guards))
    else:
        chosen = tuple(guard for guard in guards.values() if guard.default)
    rule = Rule(
        id=entry.text("id"),
        version=entry.integer("version", 1, low=1),
        category=Category(category),
        severity=SEVERITIES[entry.choice("severity", SEVERITIES)],
        why=entry.text("why"),
        source=entry.text("source"),
        patterns=_patterns(entry, "patterns", compiler),
        unless=_patterns(entry, "unless", compiler),
        guards=chosen,
        examples=entry.texts("examples", required=True),
        counter_examples=entry.texts("counter_examples"),
    )
    if not rule.patterns:
        raise entry.error("patterns", "patterns to hold at least one", "none")
    entry.done()
    return rule


def _read_clock(entry: Table) -> ClockSettings:
    clock = ClockSettings(
        detention_notice_after_ms=entry.integer("detention_notice_after_minutes", 30, low=1) * 60_000,
        end_requests_for_warning=entry.integer("end_requests_for_warning", 2, low=1),
        repeat_alert_count=entry.integer("repeat_alert_count", 4, low=2),
    )
    entry.done()
    return clock


__all__ = ["ClockSettings", "Guard", "Lexicon", "PlaybookError", "Rule", "load_lexicon"]
