"""The shapes a playbook's TOML must fit; `load.py` fills them and says exactly what does not.

A playbook is a directory with one folder per locale. `ja/` holds everything: guidance rules, the warning
ladder, the four-step checklist, end-state words and the lexicon of the detectors. Other locales hold only
the words shown to the agent, by the same ids. Detection is of Japanese speech in every locale.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from koemori.assist.playbooks.lexicon import Lexicon
from koemori.assist.playbooks.tag_rules import TagRules
from koemori.assist.playbooks.toml_table import Origin
from koemori.assist.types import Category, EndState
from koemori.audio.call import ChannelRole


@dataclass(frozen=True, slots=True)
class AlertWhen:
    """A detector found one of `categories`."""

    categories: tuple[Category, ...]
    severity_min: int = 2
    severity_max: int = 3
    count_min: int = 1
    """Findings of these categories so far in the call, this one included."""
    rule_ids: tuple[str, ...] = ()
    """Only findings of these lexicon rules; empty: any."""


@dataclass(frozen=True, slots=True)
class RepetitionWhen:
    """The same demand came for the `count_min`-th time or more."""

    count_min: int = 3


@dataclass(frozen=True, slots=True)
class ChecklistWhen:
    """A checklist item is still open."""

    item: str
    overdue_ms: int
    """Media time since the call began, or since `after_item` was done."""
    after_item: str | None = None


@dataclass(frozen=True, slots=True)
class MissingWhen:
    """A field of the case is still empty."""

    field: str
    overdue_ms: int
    after_item: str | None = None
    asked: tuple[re.Pattern[str], ...] = ()
    """The agent's words that ask for it already; the card does not come up after them."""


@dataclass(frozen=True, slots=True)
class WordsWhen:
    """Somebody said something: regular expressions over folded text (no spaces, no punctuation)."""

    speaker: ChannelRole
    any: tuple[re.Pattern[str], ...]
    unless: tuple[re.Pattern[str], ...] = ()


When = AlertWhen | RepetitionWhen | ChecklistWhen | MissingWhen | WordsWhen


@dataclass(frozen=True, slots=True)
class GuidanceRule:
    """One card: when it comes up, what the agent can say, why, and where that comes from."""

    id: str
    when: When
    stage: str
    """`step1` … `step4`, `safety` or `correction`; `ladder1` … `ladder5` are made by the ladder."""
    severity: str
    """`notice`, `warning` or `danger`: the edge of the card."""
    priority: int
    """Higher wins the one place on the screen."""
    say: str
    why: str
    source: str
    cooldown_ms: int
    expires_ms: int
    limit: int
    """Times the card may come up in one call; 0: no limit."""
    done_item: str | None
    """The checklist item that makes the card needless; None: it stands until it expires."""
    not_in_harassment: bool
    """True for service steps that make no sense once the warning ladder has begun."""
    yields: bool = False
    """Once the agent has spoken after it, any other card may take its place: the ladder goes on."""
    version: int = 1
    author: str = ""
    """Who wrote it; empty: the playbook's author."""
    enabled: bool = True
    origin: Origin = field(default_factory=Origin)


@dataclass(frozen=True, slots=True)
class LadderStep:
    """One step of the warning ladder."""

    id: str
    label: str
    say: str
    why: str
    source: str
    heard: tuple[re.Pattern[str], ...]
    """The agent's words that count as having said this step."""
    unless: tuple[re.Pattern[str], ...]
    after: str | None = None
    """`heard` counts only once this step was said: a superior asked of a delivery approves of no ending."""
    in_person: tuple[re.Pattern[str], ...] = ()
    """Words that count at any time: the superior speaks."""
    expires_ms: int | None = None
    """How long its card stands, where not as long as the ladder's others."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """Ask to stop → warn → warn of ending → supervisor's approval → end the call."""

    steps: tuple[LadderStep, ...]
    categories: tuple[Category, ...]
    """Findings that call for the ladder, at severity `severity_min` or above."""
    severity_min: int
    repetition_min: int
    cooldown_ms: int
    expires_ms: int
    priority: int
    approval_ms: int
    """How long after it was called for a superior may approve, and for how long the approval counts."""
    first_words: Mapping[Category, str]
    """How the first step is said for a category; else the step's own words."""


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """One thing the agent does in a complaint call, and the words that show it was done."""

    id: str
    step: str
    label: str
    question: str
    """What the agent can ask when it is missing; may be empty."""
    speaker: ChannelRole
    heard: tuple[re.Pattern[str], ...]
    unless: tuple[re.Pattern[str], ...]


@dataclass(frozen=True, slots=True)
class EndStateRule:
    """Words after which the matter stands so."""

    id: str
    state: EndState
    speaker: ChannelRole
    weight: int
    """A stronger sign is not undone by a weaker one that follows."""
    any: tuple[re.Pattern[str], ...]
    unless: tuple[re.Pattern[str], ...]


@dataclass(frozen=True, slots=True)
class CaseWords:
    """Words the extractors look for; patterns are over folded text."""

    surnames: tuple[str, ...] = ()
    """Family names that are also other words; believed only when a name was asked for."""
    products: tuple[str, ...] = ()
    products_in_passing: tuple[str, ...] = ()
    services: Mapping[str, str] = field(default_factory=dict)
    """What a company or bill is called → the contract it stands for."""
    places_outer: tuple[str, ...] = ()
    places_inner: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    trouble: tuple[re.Pattern[str], ...] = ()
    grievance: tuple[re.Pattern[str], ...] = ()
    demand_types: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    """A word for what is asked → the words that ask it, in order of precedence."""
    trivial_demands: tuple[re.Pattern[str], ...] = ()
    demand_objects: tuple[re.Pattern[str], ...] = ()


@dataclass(frozen=True, slots=True)
class Playbook:
    """Everything a call is judged and guided by, with a version that changes when any word of it does."""

    version: str
    """`<declared>+<first 8 hex digits of the SHA-256 of the files>`."""
    locale: str
    lexicon: Lexicon
    rules: tuple[GuidanceRule, ...]
    """Those that are enabled."""
    ladder: Ladder
    checklist: tuple[ChecklistItem, ...]
    end_states: tuple[EndStateRule, ...]
    case_words: CaseWords
    labels: Mapping[str, str]
    """Words for codes shown to the agent, by id (`end_state.withdrawn`, `field.when`)."""
    digest: str = ""
    """SHA-256 of the files, as hex."""
    author: str = ""
    changed_at: str = ""
    """Date or moment of the last change as its author states it, ISO 8601."""
    declared_rules: tuple[GuidanceRule, ...] = ()
    """All guidance rules, the silent ones among them."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The text of every file, by its path in the playbook's folder."""
    tags: TagRules = field(default_factory=TagRules)
    """None in a playbook without `tags.toml`."""

    def awake(self) -> Playbook:
        """The playbook with its silent rules enabled."""
        return replace(self, lexicon=self.lexicon.awake(), rules=self.declared_rules)
