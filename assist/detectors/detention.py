"""The detention clock: how long the call holds the agent, and whether the caller lets go.

Two clocks run: since the call began, and since the agent first gave the answer (a refusal, or words that the
answer stands). The same answer again, after the caller insisted, is counted as an explanation; the agent's
requests to end the call are counted and quoted. The ministry's manual names no minutes; the limits are the
tenant's practice (`[clock]` of the lexicon: 30 minutes, three explanations, two requests) and are never
presented as law. A clock alone is a notice; with the caller's words, or when the agent explained or asked to
end often enough and the caller went on, it is a warning.
"""

from __future__ import annotations

from typing import Final

from koemori.assist.alerts import is_harassment
from koemori.assist.cards import clock
from koemori.assist.context import CallView
from koemori.assist.playbooks.lexicon import Lexicon
from koemori.assist.rules import Utterance, utterance
from koemori.assist.similarity import content_words
from koemori.assist.types import Alert, CallFacts, Category, Finding, Heard, Severity, Tick
from koemori.audio.call import ChannelRole

CLOCK_RULE: Final = "detention.clock"
ANSWERED_RULE: Final = "detention.answered"
HELD_RULE: Final = "detention.held-after-end-request"
EXPLAINED_RULE: Final = "detention.explained"
_FORMAL: Final = frozenset(
    {
        "致す", "兼ねる", "出来る", "御座る", "申し上げる", "伺う", "確認", "案内", "対応", "回答", "説明",
        "申し訳", "恐れ入る", "場合", "規定", "御", "お客様", "様", "為", "受ける", "断る", "成る",
    }
)  # fmt: skip
"""Words that any refusal may hold; two answers are not the same because of them."""


class DetentionDetector:
    """Watches both clocks, the agent's answers and requests to end, and the caller's refusals to let go."""

    name = "detention"

    def __init__(self, facts: CallFacts, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._clock = lexicon.clock
        topics = lexicon.topics
        self._end_words = topics.get("agent_end_request", ())
        self._answer_words = topics.get("agent_answer", ())
        self._same_words = topics.get("agent_same_answer", ())
        self._hold_rules = tuple(
            rule
            for rule in lexicon.rules
            if rule.category is Category.DETENTION and rule.severity >= Severity.WARNING
        )
        self._answers: list[Heard] = []
        """The first answer and each time it was explained again."""
        self._end_requests: list[Heard] = []
        self._hold: Heard | None = None
        self._insisted = False
        """The customer spoke since the last answer."""
        self._raised: set[str] = set()

    def observe(self, event: Heard | Tick, call: CallView) -> list[Finding]:
        """At most one notice per clock and one warning per call."""
        went_on = False
        if isinstance(event, Heard):
            said = utterance(event.text, self._lexicon)
            if event.speaker is ChannelRole.AGENT:
                self._note_agent(event, said)
            else:
                went_on = self._insisted = True
                if said.matches(self._hold_rules):
                    self._hold = event
        found = self._warning(call, went_on=went_on)
        return found if found else self._notice(call)

    def _note_agent(self, heard: Heard, said: Utterance) -> None:
        if said.says(self._end_words) is not None:
            self._end_requests.append(heard)
        same = said.says(self._same_words) is not None
        if not same and said.says(self._answer_words) is None:
            return
        if not self._answers or (self._insisted and (same or self._shares_words(heard))):
            self._answers.append(heard)
        self._insisted = False

    def _shares_words(self, heard: Heard) -> bool:
        words = content_words(heard.text) - _FORMAL
        return any(words & content_words(answer.text) for answer in self._answers)

    def _since_answer_ms(self, call: CallView) -> int:
        return call.now_ms - self._answers[0].end_ms if self._answers else 0

    def _over(self, call: CallView) -> bool:
        return (
            call.now_ms >= self._clock.detention_notice_after_ms
            or self._since_answer_ms(call) >= self._clock.answered_notice_after_ms
        )

    def _warning(self, call: CallView, *, went_on: bool) -> list[Finding]:
        if not self._over(call) or self._raised & {HELD_RULE, EXPLAINED_RULE}:
            return []
        if self._hold is not None:
            return self._raise(HELD_RULE, Severity.WARNING, call, self._hold, "終話を拒む発言がある")
        last = call.recent(1, ChannelRole.CUSTOMER)
        if not went_on or not last:
            return []
        if len(self._end_requests) >= self._clock.end_requests_for_warning:
            why = "担当者が終話を申し出た後も続いている"
            return self._raise(HELD_RULE, Severity.WARNING, call, last[-1], why)
        if len(self._answers) >= self._clock.explanations_for_warning:
            why = "同じお答えを重ねて説明した後も続いている"
            return self._raise(EXPLAINED_RULE, Severity.WARNING, call, last[-1], why)
        return []

    def _notice(self, call: CallView) -> list[Finding]:
        spoken = call.recent(1, ChannelRole.CUSTOMER) or call.recent(1)
        if not spoken or self._raised & {HELD_RULE, EXPLAINED_RULE}:
            return []
        limits = (
            (
                ANSWERED_RULE,
                self._since_answer_ms(call),
                self._clock.answered_notice_after_ms,
                "お答えしてから",
            ),
            (CLOCK_RULE, call.now_ms, self._clock.detention_notice_after_ms, "通話が"),
        )
        for rule_id, time_ms, limit_ms, since in limits:
            if time_ms >= limit_ms and rule_id not in self._raised:
                why = f"{since}{limit_ms // 60_000}分を超えた"
                return self._raise(rule_id, Severity.NOTICE, call, spoken[-1], why)
        return []

    def _facts(self, call: CallView) -> str:
        """What the clocks and counts say, with the agent's own words and their times."""
        parts = [f"通話{call.now_ms // 60_000}分"]
        if self._answers:
            minutes = self._since_answer_ms(call) // 60_000
            parts.append(f"最初のお答え{_quoted(self._answers[0])}から{minutes}分")
            parts.append(f"同じお答え{len(self._answers)}回")
        if self._end_requests:
            quotes = "".join(map(_quoted, self._end_requests))
            parts.append(f"終話の申し出{len(self._end_requests)}回{quotes}")
        return "、".join(parts)

    def _raise(
        self, rule_id: str, severity: Severity, call: CallView, evidence: Heard, why: str
    ) -> list[Finding]:
        self._raised.add(rule_id)
        heard = (*self._answers, *self._end_requests, evidence)
        alert = Alert(
            alert_id=f"{rule_id}@{call.now_ms}",
            category=Category.DETENTION,
            severity=severity,
            harassment=is_harassment(Category.DETENTION, severity),
            rule_id=rule_id,
            at_ms=call.now_ms,
            utterance_ids=tuple(dict.fromkeys(item.utterance_id for item in heard)),
            quote=evidence.text.strip(),
            explanation=f"{why}({self._facts(call)})。社内の目安であり、法律の定めではない",
        )
        return [alert]


def _quoted(heard: Heard) -> str:
    return f"「{heard.text.strip()}」({clock(heard.start_ms)})"
