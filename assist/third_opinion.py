"""A third opinion on what rules and second opinion disagree about, asked of a language model. Pure.

A doubt is an utterance of the customer of which a rule warned and the second opinion thinks little, or of
which no rule warned and the second opinion was not quite sure enough. Its words leave the engine redacted,
with at most four turns before them. The answer can add a warning or mark an alert as worth a second look; it
takes nothing away, as an alert is evidence, and it never makes a danger. No answer changes nothing.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from string import Template
from typing import Final, TypeVar

from koemori.assist.alerts import is_harassment
from koemori.assist.context import CallView, Judged
from koemori.assist.errors import OpinionError
from koemori.assist.redaction import MASKS, PersonalData, Redactor, Span, masked, merged
from koemori.assist.types import (
    AGENT_SIDE,
    NOT_HARASSMENT,
    Alert,
    AlertReview,
    CallFacts,
    Category,
    FieldValue,
    Finding,
    Heard,
    Severity,
    ThirdOpinion,
    Verdict,
)
from koemori.audio.call import ChannelRole

_T = TypeVar("_T")
BUILT_IN: Final = Path(__file__).with_name("third_opinion.toml")
RULE_PREFIX: Final = "third_opinion."
"""Of the `rule_id` of an alert that a third opinion raised; the category follows."""
_JUDGED: Final = frozenset(Category) - AGENT_SIDE - NOT_HARASSMENT
_MOST_TURNS_BEFORE: Final = 4
_MOST_OPEN: Final = 64
"""Doubts of a call whose answer is still taken; one that came later than this many others is stale."""
_DIGITS: Final = re.compile(r"\d(?:[-‐‑–ー−・.\s]?\d){3,}+(?!\s*(?:円|万|千|年|ポイント|パーセント|%|%))")
"""A run of digits that is no amount and no year: whatever it is, it is not needed to judge words."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is doubted and what is asked; `third_opinion.toml` explains each number.

    Attributes:
        id: Of the file, with `version` and `source`.
        locale: Of the calls it is made for.
        unlikely_below: Probability [0, 1].
        band: Width below the second opinion's raising threshold, probability [0, 1].
        turns_before: At most 4.
        most_characters: Of each turn.
        most_tokens: Of the answer.
        most_reason_characters: Of the reason that is shown; a longer one is cut.
        system: The first message of the prompt, whole.
    """

    id: str
    version: str
    source: str
    locale: str
    unlikely_below: float
    band: float
    turns_before: int
    most_characters: int
    most_tokens: int
    most_reason_characters: int
    system: str


@dataclass(frozen=True, slots=True)
class Turn:
    """Words of one side, redacted."""

    speaker: ChannelRole
    text: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """A question that the engine has; its words are redacted. It never goes on the wire.

    Attributes:
        at_ms: Media time at which the doubted words ended.
        turns: Oldest first; the last one is doubted.
    """

    doubt_id: str
    at_ms: int
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said, once it was believed; `category` is there for harassment, and only then."""

    verdict: Verdict
    category: Category | None
    reason: str


@dataclass(frozen=True, slots=True)
class _Open:
    """A doubt that waits for its answer, with the exact words."""

    heard: Heard
    quote: str
    doubted: tuple[str, ...]
    """Ids of the alerts that the second opinion thinks little of."""
    warned: bool
    """Whether a warning stands all the same."""


class Doubts:
    """What one call is in doubt about, and what follows from the answers.

    Pure: no clock, no I/O. Not thread-safe: used where the call's engine is.
    """

    def __init__(self, policy: Policy, facts: CallFacts) -> None:
        self._policy = policy
        self._redactor = Redactor(numbers=_known(facts.known, ("phone",)))
        self._waiting: list[Doubt] = []
        self._open: dict[str, _Open] = {}
        self._before: deque[Heard] = deque(maxlen=policy.turns_before)

    def observe(
        self, heard: Heard, call: CallView, findings: Sequence[Finding], fields: Mapping[str, FieldValue]
    ) -> None:
        """Look at the newest utterance.

        Args:
            heard: The utterance.
            call: The call, with what the second opinion said of the utterance, if it was asked.
            findings: What was found in the utterance, as it is shown.
            fields: The case; its names and numbers are not told.
        """
        self._redactor.push(heard)
        found = self._doubted(heard, call, findings)
        if found is not None:
            doubt_id = f"doubt@{heard.utterance_id}"
            turns = self._turns([*self._before, heard], fields)
            self._waiting.append(Doubt(doubt_id, heard.end_ms, turns))
            self._open[doubt_id] = found
            if len(self._open) > _MOST_OPEN:
                del self._open[next(iter(self._open))]
        self._before.append(heard)

    def take(self) -> list[Doubt]:
        """The doubts that came up since this was last asked, oldest first."""
        taken, self._waiting = self._waiting, []
        return taken

    def answered(self, opinion: ThirdOpinion) -> list[AlertReview | Alert]:
        """What follows from an answer; nothing when it is unsure, or to a doubt that is not open."""
        found = self._open.pop(opinion.doubt_id, None)
        if found is None or opinion.verdict is Verdict.UNSURE:
            return []
        out: list[AlertReview | Alert] = [
            AlertReview(found.heard.end_ms, alert_id, opinion.verdict, opinion.reason, opinion.model)
            for alert_id in found.doubted
        ]
        if opinion.verdict is Verdict.HARASSMENT and opinion.category in _JUDGED and not found.warned:
            out.append(_alert(found, opinion, opinion.category))
        return out

    def _doubted(self, heard: Heard, call: CallView, findings: Sequence[Finding]) -> _Open | None:
        judged = call.judged
        if judged is None or judged.utterance_id != heard.utterance_id or call.opinion is None:
            return None
        alerts = [one for one in findings if isinstance(one, Alert)]
        if any(alert.category not in _JUDGED for alert in alerts):
            return None
        warned = any(alert.severity >= Severity.WARNING for alert in alerts)
        doubted = [alert for alert in alerts if self._is_unlikely(alert, judged)]
        if doubted:
            ids = tuple(alert.alert_id for alert in doubted)
            return _Open(heard, doubted[0].quote, ids, warned)
        raise_from = call.opinion.thresholds.raise_from
        if not warned and raise_from - self._policy.band <= judged.probability < raise_from:
            return _Open(heard, heard.text, (), warned)
        return None

    def _is_unlikely(self, alert: Alert, judged: Judged) -> bool:
        """Whether a rule's words made this alert and the second opinion thinks little of it."""
        severity = judged.rules.get(alert.rule_id)
        if severity is None:
            return False
        if alert.severity < Severity.WARNING:
            return severity >= Severity.WARNING
        return judged.probability < self._policy.unlikely_below

    def _turns(self, heard: Sequence[Heard], fields: Mapping[str, FieldValue]) -> tuple[Turn, ...]:
        values = {name: field.value for name, field in fields.items()}
        knowing = Redactor(
            _known(values, ("customer_name",)), _known(values, ("phone", "order_or_contract_number"))
        )
        for one in heard:
            knowing.push(one)
        followed, known = self._redactor.spans(), knowing.spans()
        return tuple(
            Turn(one.speaker, self._shown(one.text, followed[one.utterance_id] + known[one.utterance_id]))
            for one in heard
        )

    def _shown(self, text: str, spans: Iterable[Span]) -> str:
        return _without_digits(masked(text, merged(spans)))[-self._policy.most_characters :]


def messages(policy: Policy, doubt: Doubt) -> list[dict[str, str]]:
    """The prompt: instructions, then the redacted words as JSON, lest what was said pass for an order."""
    *before, judge = ({"speaker": turn.speaker.value, "text": turn.text} for turn in doubt.turns)
    words = json.dumps({"before": before, "judge": judge}, ensure_ascii=False)
    return [{"role": "system", "content": policy.system}, {"role": "user", "content": words}]


def read_answer(policy: Policy, content: str) -> Answer | None:
    """What a model answered; None when it is not exactly the object that was asked for."""
    try:
        said = json.loads(content, object_pairs_hook=_once_each)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.keys() != {"verdict", "category", "reason"}:
        return None
    verdict, category, reason = said["verdict"], said["category"], said["reason"]
    if not isinstance(verdict, str) or verdict not in set(Verdict) or not isinstance(reason, str):
        return None
    if Verdict(verdict) is not Verdict.HARASSMENT:
        fits = category is None or isinstance(category, str)
        return Answer(Verdict(verdict), None, _one_line(policy, reason)) if fits else None
    if not isinstance(category, str) or category not in _JUDGED:
        return None
    return Answer(Verdict.HARASSMENT, Category(category), _one_line(policy, reason))


@lru_cache(maxsize=4)
def load_policy(file: Path = BUILT_IN) -> Policy:
    """What is doubted and asked, read once.

    Raises:
        OpinionError: The file does not fit.
    """
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
        doubt, answer = read["doubt"], read["answer"]
        policy = Policy(
            id=_typed(read["id"], str),
            version=_typed(read["version"], str),
            source=_typed(read["source"], str),
            locale=_typed(read["locale"], str),
            unlikely_below=_typed(doubt["unlikely_below"], float),
            band=_typed(doubt["band"], float),
            turns_before=_typed(doubt["turns_before"], int),
            most_characters=_typed(doubt["most_characters"], int),
            most_tokens=_typed(answer["most_tokens"], int),
            most_reason_characters=_typed(answer["most_reason_characters"], int),
            system=_system(read["prompt"]["system"], read["categories"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        expected = "the keys and kinds of values of the built-in file"
        raise OpinionError(file.name, expected, f"{type(error).__name__} {error}") from None
    if not (0 < policy.unlikely_below <= 1 and 0 <= policy.band <= 1):
        raise OpinionError(file.name, "probabilities between 0.0 and 1.0", "others")
    if not 0 <= policy.turns_before <= _MOST_TURNS_BEFORE:
        raise OpinionError(
            file.name, f"turns_before of at most {_MOST_TURNS_BEFORE}", str(policy.turns_before)
        )
    return policy


def _alert(found: _Open, opinion: ThirdOpinion, category: Category) -> Alert:
    rule_id = f"{RULE_PREFIX}{category.value}"
    why = "規則の警告を統計的な推定が退けた発言" if found.doubted else "規則に一致しない発言"
    return Alert(
        alert_id=f"{rule_id}@{found.heard.utterance_id}",
        category=category,
        severity=Severity.WARNING,
        harassment=is_harassment(category, Severity.WARNING),
        rule_id=rule_id,
        at_ms=found.heard.end_ms,
        utterance_ids=(found.heard.utterance_id,),
        quote=found.quote,
        explanation=(
            f"{why}を、言語モデル {opinion.model} が該当と推定した(機械の推定であり、誤ることがある)。"
            f"モデルの述べた理由: {opinion.reason or 'なし'}。判断は前後の会話とあわせて人が行う"
        ),
    )


def _known(values: Mapping[str, str], names: Iterable[str]) -> list[str]:
    return [values[name] for name in names if values.get(name)]


def _without_digits(text: str) -> str:
    return _DIGITS.sub(MASKS[PersonalData.NUMBER], text)


def _one_line(policy: Policy, reason: str) -> str:
    """The reason as it may be shown: printable, on one line, without what looks like a number."""
    printable = "".join(character if character.isprintable() else " " for character in reason)
    return _without_digits(" ".join(printable.split())).rstrip("。")[: policy.most_reason_characters]


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _typed(value: object, kind: type[_T]) -> _T:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{kind.__name__} expected")
    return value


def _system(template: object, categories: Mapping[str, object]) -> str:
    if set(categories) != {category.value for category in _JUDGED}:
        raise ValueError("categories: each code of harassment once")
    listed = "\n".join(f"- {code}: {_typed(meaning, str)}" for code, meaning in categories.items())
    return Template(_typed(template, str)).substitute(categories=listed).strip()
