"""Two clocks, the agent's answers and requests to end; limits are practice, never law."""

from __future__ import annotations

from dataclasses import replace

import pytest
from koemori.assist.context import CallView
from koemori.assist.detectors.detention import DetentionDetector
from koemori.assist.playbooks.lexicon import Lexicon
from koemori.assist.types import Alert, CallFacts, Heard, Severity, Tick
from koemori.audio.call import ChannelRole

from tests.fakes.conversation import shipped_playbook

pytestmark = pytest.mark.unit

MINUTE = 60_000
REFUSAL = "返品期限を過ぎておりますので、ご返金はいたしかねます。"
AGAIN = "規定により、ご返金はできかねます。"
SAME = "恐れ入りますが、先ほどお伝えしたとおりでございます。"
END = "これ以上続くようでしたら、お電話を終了させていただきます。"


class Line:
    """A call with the detector on it; times in minutes."""

    def __init__(self, **limits: int) -> None:
        lexicon: Lexicon = shipped_playbook().lexicon
        clock = replace(lexicon.clock, **limits)  # type: ignore[arg-type]
        lexicon = replace(lexicon, clock=clock)
        self.call = CallView(CallFacts("c"))
        self.detector = DetentionDetector(self.call.facts, lexicon)

    def a(self, minute: float, text: str) -> list[Alert]:
        return self.say(ChannelRole.AGENT, minute, text)

    def c(self, minute: float, text: str = "だから返金してくださいよ。") -> list[Alert]:
        return self.say(ChannelRole.CUSTOMER, minute, text)

    def say(self, who: ChannelRole, minute: float, text: str) -> list[Alert]:
        start_ms = round(minute * MINUTE)
        heard = Heard(f"u{len(self.call.heard)}", who, start_ms, start_ms + 3_000, text)
        self.call.heard.append(heard)
        return self.observe(heard, heard.end_ms)

    def tick(self, minute: float) -> list[Alert]:
        return self.observe(Tick(round(minute * MINUTE)), round(minute * MINUTE))

    def observe(self, event: Heard | Tick, now_ms: int) -> list[Alert]:
        self.call.now_ms = now_ms
        return [found for found in self.detector.observe(event, self.call) if isinstance(found, Alert)]


def test_a_long_call_without_an_answer_is_one_notice_that_names_no_law() -> None:
    line = Line()
    line.c(1)
    assert line.tick(29.9) == []
    (alert,) = line.tick(30)
    assert (alert.rule_id, alert.severity, alert.harassment) == ("detention.clock", Severity.NOTICE, False)
    assert "法律の定めではない" in alert.explanation
    assert line.tick(60) == []


def test_the_second_clock_runs_from_the_first_answer() -> None:
    line = Line(answered_notice_after_ms=10 * MINUTE)
    line.c(1)
    line.a(2, REFUSAL)
    line.c(3)
    assert line.tick(11.9) == []
    (alert,) = line.tick(12.2)
    assert alert.rule_id == "detention.answered"
    assert alert.severity is Severity.NOTICE
    assert REFUSAL in alert.explanation
    assert "2:00" in alert.explanation
    assert alert.utterance_ids[0] == "u1"


def test_words_that_are_no_answer_start_no_clock() -> None:
    line = Line(answered_notice_after_ms=10 * MINUTE)
    line.c(1)
    line.a(2, "お調べいたしますので、少々お待ちください。ご不便をおかけし申し訳ございません。")
    line.c(3)
    assert line.tick(20) == []


def test_three_explanations_of_the_same_answer_and_going_on_are_a_warning_when_the_time_is_over() -> None:
    line = Line()
    for minute, reply in ((2, REFUSAL), (10, AGAIN), (20, SAME)):
        line.c(minute)
        line.a(minute + 1, reply)
    assert line.c(25) == []
    line.a(26, "さようでございますか。")
    assert line.tick(30)[0].rule_id == "detention.clock"
    (alert,) = line.c(31)
    assert (alert.rule_id, alert.severity, alert.harassment) == (
        "detention.explained",
        Severity.WARNING,
        True,
    )
    assert "同じお答え3回" in alert.explanation
    assert "28分" in alert.explanation
    assert set(alert.utterance_ids) == {"u1", "u3", "u5", "u8"}


def test_an_answer_repeated_in_one_breath_is_one_explanation() -> None:
    line = Line(detention_notice_after_ms=MINUTE)
    line.c(0)
    for minute in (0.2, 0.4, 0.6):
        line.a(minute, REFUSAL)
    assert not any(alert.rule_id == "detention.explained" for alert in line.c(2))


def test_another_matter_refused_is_not_the_same_answer() -> None:
    line = Line(detention_notice_after_ms=MINUTE)
    for minute, reply in (
        (0.1, REFUSAL),
        (0.3, "土曜日の配達は承りかねます。"),
        (0.5, "お名前の変更はできかねます。"),
    ):
        line.c(minute)
        line.a(minute + 0.1, reply)
    assert not any(alert.rule_id == "detention.explained" for alert in line.c(2))


def test_requests_to_end_are_counted_and_quoted() -> None:
    line = Line(detention_notice_after_ms=10 * MINUTE)
    line.c(1)
    line.a(5, END)
    line.c(6)
    line.a(8, "あと五分で終了とさせていただきます。")
    line.tick(10)
    (alert,) = line.c(11)
    assert alert.rule_id == "detention.held-after-end-request"
    assert alert.severity is Severity.WARNING
    assert f"終話の申し出2回「{END}」(5:00)" in alert.explanation


@pytest.mark.parametrize(
    "apology",
    [
        "お電話が遠く、失礼いたしました。",
        "お電話をお待たせし、大変失礼いたしました。",
        "お電話ありがとうございます。",
    ],
)
def test_an_apology_is_no_request_to_end(apology: str) -> None:
    line = Line(detention_notice_after_ms=MINUTE, end_requests_for_warning=1)
    line.c(0)
    line.a(0.5, apology)
    assert not any(alert.severity is Severity.WARNING for alert in line.c(2))


def test_a_call_that_ends_in_time_raises_nothing_whatever_was_said() -> None:
    line = Line()
    found = [*line.c(1), *line.a(2, REFUSAL), *line.c(3), *line.a(4, SAME), *line.c(5), *line.a(6, END)]
    assert found == []


def test_words_that_hold_the_agent_are_a_warning_when_the_time_is_over() -> None:
    line = Line()
    line.c(1, "電話は切らせないからな")
    (alert,) = line.tick(30)
    assert alert.severity is Severity.WARNING
    assert line.c(31) == []
