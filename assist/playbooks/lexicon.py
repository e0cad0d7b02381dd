"""The detector lexicon: rules, word classes, guards and mishearings, read from TOML.

Every file of the lexicon folder may hold any of these tables:

    [classes]              name = ["word", "{lemma}", "<other class>"]
    [confusions]           word = ["as the recogniser writes it", …]
    [[guard]]              words around a match that take its sting: negation, reported speech
    [[rule]]               what alerts, with its own examples and counter-examples
    [topics]               words that detectors ask about
    [clock]                limits of practice (never law) for the detention clock and repetition

A rule with `enabled = false` is read, checked and tried, and stays silent in calls.

The pattern language is explained in `koemori.assist.matching`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from koemori.assist.errors import PlaybookError
from koemori.assist.matching import AtomIndex, Pattern, PatternCompiler, PatternSyntaxError
from koemori.assist.playbooks.toml_table import Origin, Table, read_toml
from koemori.assist.types import AGENT_SIDE, Category, Severity

SEVERITIES: Final = {"notice": Severity.NOTICE, "warning": Severity.WARNING, "danger": Severity.DANGER}
CLOCK_RULES: Final = (
    "detention.clock",
    "detention.answered",
    "detention.held-after-end-request",
    "detention.explained",
    "repeat_demand.in-call",
    "repeat_demand.across-calls",
)
"""Rules of which the playbook sets the limits, under `[clock]`; what they look for is code."""


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
    author: str = ""
    """Who wrote it; empty: the playbook's author."""
    enabled: bool = True
    origin: Origin = field(default_factory=Origin)

    @property
    def pattern_texts(self) -> tuple[str, ...]:
        """The patterns as they are written."""
        return tuple(dict.fromkeys(pattern.text for pattern in self.patterns))

    @property
    def of_agent(self) -> bool:
        """Whether the rule is about the agent's own words."""
        return self.category in AGENT_SIDE


@dataclass(frozen=True, slots=True)
class ClockSettings:
    """Limits of practice, set by the tenant; no law gives a number."""

    detention_notice_after_ms: int = 30 * 60 * 1000
    answered_notice_after_ms: int = 30 * 60 * 1000
    """Since the agent first gave the answer."""
    end_requests_for_warning: int = 2
    explanations_for_warning: int = 3
    """Times the same answer was given, the first one included."""
    repeat_alert_count: int = 4
    version: int = 1
    author: str = ""
    source: str = ""
    origin: Origin = field(default_factory=Origin)
    repeat_call_count: int = 3
    """Calls of one person with the same demand, this one included."""


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """All rules of the detectors, compiled. Compared by identity."""

    rules: tuple[Rule, ...] = ()
    """Those that are enabled, in the files' order."""
    guards: tuple[Guard, ...] = ()
    topics: dict[str, tuple[Pattern, ...]] = field(default_factory=dict)
    """Named patterns that detectors ask about: `demand`, `agent_question`, `end_of_call`, …"""
    clock: ClockSettings = field(default_factory=ClockSettings)
    index: AtomIndex = field(default_factory=lambda: AtomIndex(()))
    declared: tuple[Rule, ...] = ()
    """All of them, the silent ones among them."""
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    confusions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def rule(self, rule_id: str) -> Rule | None:
        """The rule with this id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)

    def version_of(self, rule_id: str) -> int | None:
        """The version of what an alert calls its rule; None when the playbook has no word in it."""
        if rule_id in CLOCK_RULES:
            return self.clock.version
        rule = self.rule(rule_id)
        return None if rule is None else rule.version

    def awake(self) -> Lexicon:
        """The lexicon with its silent rules enabled."""
        return replace(self, rules=self.declared)


def load_lexicon(directory: Path) -> Lexicon:
    """Read every `*.toml` of a folder into one lexicon.

    Raises:
        PlaybookError: a file does not fit; file, line, what was expected and what came.
    """
    return read_lexicon([read_toml(file) for file in sorted(directory.glob("*.toml"))])


def read_lexicon(tables: Sequence[Table]) -> Lexicon:
    """Read the files of a lexicon.

    Raises:
        PlaybookError: as `load_lexicon` says, unless the tables collect their refusals.
    """
    classes, confusions = _merge(tables, "classes"), _merge(tables, "confusions")
    compiler = PatternCompiler(classes, confusions)
    guards: dict[str, Guard] = {}
    for table in tables:
        for entry in table.tables("guard"):
            guard = _read_guard(entry, compiler)
            if guard.name in guards:
                entry.refuse("name", "a name used once", repr(guard.name))
            guards[guard.name] = guard
    rules: dict[str, Rule] = {}
    topics: dict[str, tuple[Pattern, ...]] = {}
    clock = ClockSettings()
    for table in tables:
        for entry in table.tables("rule"):
            rule = _read_rule(entry, compiler, guards)
            if rule.id in rules or rule.id in CLOCK_RULES:
                entry.refuse("id", "an id used once", repr(rule.id))
            rules[rule.id] = rule
        named = table.table("topics")
        for name in named.names():
            topics[name] = topics.get(name, ()) + _patterns(named, name, compiler)
        if table.has("clock"):
            clock = _read_clock(table.table("clock"))
        table.done()
    declared = tuple(rules.values())
    return Lexicon(
        rules=tuple(rule for rule in declared if rule.enabled),
        guards=tuple(guards.values()),
        topics=topics,
        clock=clock,
        index=compiler.index(),
        declared=declared,
        classes=classes,
        confusions=confusions,
    )


def _merge(tables: Iterable[Table], key: str) -> dict[str, tuple[str, ...]]:
    merged: dict[str, tuple[str, ...]] = {}
    for table in tables:
        named = table.table(key)
        for name in named.names():
            merged[name] = merged.get(name, ()) + named.texts(name, required=True)
    return merged


def _patterns(
    table: Table, key: str, compiler: PatternCompiler, *, required: bool = False
) -> tuple[Pattern, ...]:
    found: list[Pattern] = []
    for text in table.texts(key, required=required):
        try:
            found.extend(compiler.compile(text))
        except PatternSyntaxError as error:
            table.refuse(key, "a pattern", str(error), text)
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
    if entry.has("guards"):
        chosen = tuple(guards[name] for name in entry.choices("guards", guards))
    else:
        chosen = tuple(guard for guard in guards.values() if guard.default)
    rule = Rule(
        id=entry.identifier(),
        version=entry.integer("version", 1, low=1),
        category=Category(entry.choice("category", Category)),
        severity=SEVERITIES[entry.choice("severity", SEVERITIES)],
        why=entry.text("why"),
        source=entry.text("source"),
        patterns=_patterns(entry, "patterns", compiler, required=True),
        unless=_patterns(entry, "unless", compiler),
        guards=chosen,
        examples=entry.texts("examples", required=True),
        counter_examples=entry.texts("counter_examples"),
        author=entry.text("author", ""),
        enabled=entry.boolean("enabled", True),
        origin=entry.origin(),
    )
    entry.done()
    return rule


def _read_clock(entry: Table) -> ClockSettings:
    clock = ClockSettings(
        detention_notice_after_ms=entry.integer("detention_notice_after_minutes", 30, low=1) * 60_000,
        answered_notice_after_ms=entry.integer("answered_notice_after_minutes", 30, low=1) * 60_000,
        end_requests_for_warning=entry.integer("end_requests_for_warning", 2, low=1),
        explanations_for_warning=entry.integer("explanations_for_warning", 3, low=2),
        repeat_alert_count=entry.integer("repeat_alert_count", 4, low=2),
        repeat_call_count=entry.integer("repeat_call_count", 3, low=2),
        version=entry.integer("version", 1, low=1),
        author=entry.text("author", ""),
        source=entry.text("source", ""),
        origin=entry.origin(),
    )
    entry.done()
    return clock


__all__ = [
    "CLOCK_RULES",
    "ClockSettings",
    "Guard",
    "Lexicon",
    "PlaybookError",
    "Rule",
    "load_lexicon",
    "read_lexicon",
]
