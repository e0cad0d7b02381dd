"""What the assist side says: alerts, guidance, checklist, case.

Every statement names the utterances it came from. Times are media time in milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from koemori.audio.call import ChannelRole


class Severity(IntEnum):
    """How bad: 1 注意 (notice), 2 警告 (warning), 3 危険 (danger, act at once)."""

    NOTICE = 1
    WARNING = 2
    DANGER = 3


class Category(StrEnum):
    """Codes of the public contract; the last three are about the agent's own words."""

    VERBAL_ABUSE = "verbal_abuse"
    REPEAT_DEMAND = "repeat_demand"
    THREAT = "threat"
    INTIMIDATION = "intimidation"
    AUTHORITY = "authority"
    DETENTION = "detention"
    SEXUAL = "sexual"
    MONEY = "money"
    VIOLENCE = "violence"
    DOGEZA = "dogeza"
    SNS = "sns"
    ANTISOCIAL = "antisocial"
    DISCRIMINATION = "discrimination"
    PRIVACY = "privacy"
    EXCESSIVE = "excessive"
    FRAUD = "fraud"
    SELFHARM = "selfharm"
    OTHER_NUISANCE = "other_nuisance"
    PREMATURE_LIABILITY = "premature_liability"
    DENIAL = "denial"
    SPECULATION = "speculation"


NOT_HARASSMENT = frozenset(
    {Category.FRAUD, Category.SELFHARM, Category.PREMATURE_LIABILITY, Category.DENIAL, Category.SPECULATION}
)
"""Categories that alert with `harassment` false."""

AGENT_SIDE = frozenset({Category.PREMATURE_LIABILITY, Category.DENIAL, Category.SPECULATION})


class EndState(StrEnum):
    """How the matter stands when the call ends (guideline of 13 articles, art. on three end states)."""

    RESOLVED_AGREED = "resolved_agreed"
    WITHDRAWN = "withdrawn"
    UNRESOLVED_AGREED = "unresolved_agreed"
    UNRESOLVED_PENDING = "unresolved_pending"
    UNRESOLVED_TERMINATED = "unresolved_terminated"
    NOT_COMPLAINT = "not_complaint"
    OPEN = "open"


CASE_FIELDS = (
    "customer_name",
    "phone",
    "order_or_contract_number",
    "product",
    "when",
    "where",
    "about_what",
    "who_is_dissatisfied",
    "demand",
    "conclusion",
    "promises",
)
"""Names of `case.fields` in the public contract, in the order a form shows them."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One final utterance as the assist side sees it: the only input besides the clock.

    `koemori analyze` makes these from text lines, the live pipeline from `Utterance`s.
    """

    utterance_id: str
    speaker: ChannelRole
    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Attributed:
    """Who said the parts of an utterance that was heard before; takes the place of what was known of it.

    Attributes:
        parts: With the utterance's id and together its words, in order.
    """

    at_ms: int
    utterance_id: str
    parts: tuple[Heard, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """Media time went on with nothing said; lets clocks (detention, silence) act."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class CallClosed:
    """No more words will come; the engine answers with a last `CaseRevision`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class AgentEdit:
    """The agent typed into the case form; such a value is confirmed and never overwritten."""

    at_ms: int
    values: Mapping[str, str]


class MatchedBy(StrEnum):
    """What told that an earlier call was the same person's; a name alone is only a possibility."""

    PHONE = "phone"
    NUMBER = "number"
    """Order, contract or customer number."""
    NAME = "name"


@dataclass(frozen=True, slots=True)
class EarlierCall:
    """What an earlier call of the same person came to."""

    call_id: str
    started_on: str
    """Local date, ISO 8601."""
    matched_by: MatchedBy
    demand: str
    """Empty when nothing was asked for."""
    end_state: EndState
    harassment_categories: tuple[Category, ...] = ()
    promises: str = ""


@dataclass(frozen=True, slots=True)
class CallerKnown:
    """The phone system or the words told who calls: their earlier calls, newest first."""

    at_ms: int
    calls: tuple[EarlierCall, ...]


@dataclass(frozen=True, slots=True)
class VoiceRaised:
    """The customer speaks louder than at the beginning of the call, or (`ended`) no longer does.

    Attributes:
        since_ms: Where the rise began.
        level_db: Level above that of the customer's first speech.
        pitch_semitones: Pitch above it; None where it could not be told.
    """

    at_ms: int
    since_ms: int
    level_db: float
    pitch_semitones: float | None
    ended: bool = False


@dataclass(frozen=True, slots=True)
class LadderApproved:
    """A supervisor approved that the agent may end the call."""

    at_ms: int
    approved_by: str
    """User name."""
    approver_name: str = ""
    """As people know them; shown in place of the user name."""


class Verdict(StrEnum):
    """What a third opinion said of an utterance; an unsure one has no effect."""

    HARASSMENT = "harassment"
    NOT_HARASSMENT = "not_harassment"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class ThirdOpinion:
    """A language model's answer to a doubt of the engine; never more than an estimate.

    Attributes:
        at_ms: Media time of the words in doubt.
        category: Of harassment; None with any other verdict.
        reason: One line, as the model gave it.
        model: Its name in the settings.
    """

    at_ms: int
    doubt_id: str
    verdict: Verdict
    category: Category | None
    reason: str
    model: str


_Told = AgentEdit | CallerKnown | LadderApproved | ThirdOpinion
AssistInput = Heard | Attributed | Tick | VoiceRaised | _Told | CallClosed


@dataclass(frozen=True, slots=True)
class Alert:
    """A detector's finding, with the words it came from."""

    alert_id: str
    category: Category
    severity: Severity
    harassment: bool
    rule_id: str
    at_ms: int
    utterance_ids: tuple[str, ...]
    quote: str
    """The words that triggered it, exactly as in the utterance."""
    explanation: str
    """One sentence for a person: why this rule fired."""
    rule_version: int | None = None
    """None when the playbook has no word in it: then the program's version says what was looked for."""
    playbook_version: str = ""


@dataclass(frozen=True, slots=True)
class Repetition:
    """The same demand again: at each mention from the second on, or when earlier calls held it as well."""

    cluster_id: str
    count: int
    """Mentions in this call."""
    at_ms: int
    utterance_ids: tuple[str, ...]
    demand: str
    earlier_calls: tuple[EarlierCall, ...] = ()
    """Earlier calls of the same person with this demand, newest first."""


Finding = Alert | Repetition
"""What a detector finds."""


@dataclass(frozen=True, slots=True)
class Guidance:
    """What the agent is shown: one thing to say next."""

    guidance_id: str
    alert_id: str | None
    stage: str
    """`step1` … `step4`, `ladder1` … `ladder5`, `safety`, `correction`."""
    say: str
    why: str
    source: str
    playbook_version: str
    at_ms: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class ChecklistChange:
    """An item of the four-step checklist was heard (or re-opened)."""

    item: str
    done: bool
    at_ms: int
    utterance_id: str | None


@dataclass(frozen=True, slots=True)
class FieldProposal:
    """A value an extractor read from the call."""

    field: str
    value: str
    confidence: float
    utterance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FieldValue:
    """A field of the case with its provenance; `confirmed` means an agent entered or accepted it."""

    value: str
    confidence: float
    utterance_ids: tuple[str, ...]
    confirmed: bool = False


@dataclass(frozen=True, slots=True)
class CaseTag:
    """A tag of the case, for counts and trends."""

    kind: str
    """`demand_type`, `cause`, `product_group` or `ministry`."""
    id: str
    label: str
    utterance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecordKeeping:
    """Whether a record of the call has to be kept, by which criterion and why."""

    required: bool
    rule_id: str
    reason: str
    utterance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaseRevision:
    """The whole case as it stands; emitted when anything in it changed, and once at the end."""

    revision: int
    at_ms: int
    fields: Mapping[str, FieldValue]
    end_state: EndState
    harassment_categories: tuple[Category, ...]
    demand_validity: str
    """`reasonable`, `excessive`, `unknown`."""
    manner: str
    """`calm`, `rough`, `harassing`."""
    summary: Mapping[str, FieldValue] = field(default_factory=dict)
    """The call in short, by part; in the last revision of a call."""
    tags: tuple[CaseTag, ...] = ()
    """In the last revision of a call."""
    record_keeping: RecordKeeping | None = None
    """In the last revision of a call; None: no criterion decides."""


@dataclass(frozen=True, slots=True)
class CallerHistory:
    """Earlier calls of the person on the line, newest first; emitted whenever more becomes known."""

    at_ms: int
    calls: tuple[EarlierCall, ...]


@dataclass(frozen=True, slots=True)
class Approval:
    """A supervisor's approval, once it was accepted: the call stood where one was called for."""

    at_ms: int
    approved_by: str
    approver_name: str
    step: str
    """The step of the ladder that it fulfils."""


@dataclass(frozen=True, slots=True)
class AlertReview:
    """What a third opinion thinks of an alert that was in doubt; the alert stands whatever it says."""

    at_ms: int
    alert_id: str
    verdict: Verdict
    """Never `unsure`."""
    reason: str
    model: str


AssistEvent = (
    Alert | Repetition | Guidance | ChecklistChange | CaseRevision | CallerHistory | Approval | AlertReview
)


@dataclass(slots=True)
class CallFacts:
    """What is known of a call before a word is said."""

    call_id: str
    locale: str = "ja"
    started_on: str | None = None
    """Local date of the call, ISO 8601, for relative dates."""
    known: Mapping[str, str] = field(default_factory=dict)
    """Case fields known from the phone system (`phone`), with low confidence."""
