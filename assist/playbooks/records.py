"""Every rule of a playbook as it is kept: enough to show, years later, what made an alert.

Three kinds: `detection` (rules of the lexicon), `guidance` (cards for the agent) and `clock` (what the code
looks for and the playbook sets the limits of).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from koemori.assist.playbooks.lexicon import CLOCK_RULES
from koemori.assist.playbooks.schema import Playbook, WordsWhen

Kind = Literal["detection", "guidance", "clock"]
_CLOCK_WHY = "通話の長さと要求の回数。判定はプログラムが行い、目安の値を定める"


@dataclass(frozen=True, slots=True)
class RuleRecord:
    """One rule of one playbook version, as plain values."""

    rule_id: str
    kind: Kind
    version: int
    author: str
    """The rule's own, else the playbook's."""
    enabled: bool
    category: str
    """Of a detection rule; else empty."""
    severity: str
    why: str
    source: str
    patterns: tuple[str, ...]
    file: str
    line: int
    toml: str
    """The rule as it stood in the file."""


def rule_records(playbook: Playbook) -> list[RuleRecord]:
    """The rules of a playbook, silent ones included, detection first."""
    return [*_detection(playbook), *_clock(playbook), *_guidance(playbook)]


def _detection(playbook: Playbook) -> list[RuleRecord]:
    return [
        RuleRecord(
            rule_id=rule.id,
            kind="detection",
            version=rule.version,
            author=rule.author or playbook.author,
            enabled=rule.enabled,
            category=rule.category.value,
            severity=rule.severity.name.lower(),
            why=rule.why,
            source=rule.source,
            patterns=rule.pattern_texts,
            file=rule.origin.file,
            line=rule.origin.line,
            toml=rule.origin.toml,
        )
        for rule in playbook.lexicon.declared
    ]


def _clock(playbook: Playbook) -> list[RuleRecord]:
    clock = playbook.lexicon.clock
    return [
        RuleRecord(
            rule_id=rule_id,
            kind="clock",
            version=clock.version,
            author=clock.author or playbook.author,
            enabled=True,
            category=rule_id.split(".")[0],
            severity="",
            why=_CLOCK_WHY,
            source=clock.source,
            patterns=(),
            file=clock.origin.file,
            line=clock.origin.line,
            toml=clock.origin.toml,
        )
        for rule_id in CLOCK_RULES
    ]


def _guidance(playbook: Playbook) -> list[RuleRecord]:
    return [
        RuleRecord(
            rule_id=rule.id,
            kind="guidance",
            version=rule.version,
            author=rule.author or playbook.author,
            enabled=rule.enabled,
            category="",
            severity=rule.severity,
            why=rule.why,
            source=rule.source,
            patterns=tuple(p.pattern for p in rule.when.any) if isinstance(rule.when, WordsWhen) else (),
            file=rule.origin.file,
            line=rule.origin.line,
            toml=rule.origin.toml,
        )
        for rule in playbook.declared_rules
    ]
