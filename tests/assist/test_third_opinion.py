"""What is doubted, what leaves the engine, which answers are believed, and what follows from them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from koemori.assist.engine import AssistEngine
from koemori.assist.errors import OpinionError
from koemori.assist.playbooks.load import load_playbook
from koemori.assist.third_opinion import BUILT_IN, Answer, Doubt, load_policy, messages, read_answer
from koemori.assist.types import (
    AgentEdit,
    Alert,
    AlertReview,
    AssistEvent,
    CallFacts,
    CaseRevision,
    Category,
    Guidance,
    Heard,
    Severity,
    ThirdOpinion,
    Verdict,
)
from koemori.audio.call import ChannelRole

from tests.fakes.opinion import FixedOpinion

pytestmark = pytest.mark.unit

PLAYBOOK = load_playbook()
POLICY = load_policy()
WARNED = "お前みたいなバカは黙ってろ"
DANGER = "お前を殺すぞ"
PLAIN = "昨日の夕方に届いた荷物のことなんですけど"


def raise_from() -> float:
    return FixedOpinion(0).thresholds.raise_from


def engine(probability: float, *, known: dict[str, str] | None = None, locale: str = "ja") -> AssistEngine:
    facts = CallFacts("call", locale, known=known or {})
    return AssistEngine(facts, PLAYBOOK, FixedOpinion(probability), POLICY)


def say(to: AssistEngine, *turns: str) -> list[AssistEvent]:
    """Push turns, `A:` of the agent and the others of the customer; what the last one brought."""
    events: list[AssistEvent] = []
    first = len(to.call.heard)
    for place, turn in enumerate(turns, first):
        speaker = ChannelRole.AGENT if turn.startswith("A:") else ChannelRole.CUSTOMER
        heard = Heard(f"u{place}", speaker, place * 3000, place * 3000 + 2500, turn.removeprefix("A:"))
        events = to.push(heard)
    assert not to.failures
    return events


def answer(doubt: Doubt, verdict: Verdict, category: Category | None = None) -> ThirdOpinion:
    return ThirdOpinion(doubt.at_ms, doubt.doubt_id, verdict, category, "理由", "some-model")


def of(kind: type[AssistEvent], events: list[AssistEvent]) -> list[AssistEvent]:
    return [event for event in events if isinstance(event, kind)]


def test_a_vetoed_warning_is_doubted_and_comes_back_when_a_third_opinion_confirms_it() -> None:
    call = engine(0.05)
    (notice,) = of(Alert, say(call, WARNED))
    assert isinstance(notice, Alert)
    assert notice.severity is Severity.NOTICE
    (doubt,) = call.take_doubts()
    assert doubt.turns[-1].text == WARNED
    events = call.push(answer(doubt, Verdict.HARASSMENT, Category.VERBAL_ABUSE))
    (review,), (alert,) = of(AlertReview, events), of(Alert, events)
    assert review == AlertReview(2500, notice.alert_id, Verdict.HARASSMENT, "理由", "some-model")
    assert isinstance(alert, Alert)
    assert (alert.rule_id, alert.severity) == ("third_opinion.verbal_abuse", Severity.WARNING)
    assert alert.harassment
    assert alert.quote in WARNED
    assert alert.utterance_ids == ("u0",)
    assert alert.at_ms == 2500
    assert "some-model" in alert.explanation
    assert "推定" in alert.explanation
    (case,) = of(CaseRevision, events)
    assert isinstance(case, CaseRevision)
    assert Category.VERBAL_ABUSE in case.harassment_categories
    assert of(Guidance, events)


def test_a_warning_that_stands_is_only_marked() -> None:
    call = engine(0.2)
    (danger,) = of(Alert, say(call, DANGER))
    assert isinstance(danger, Alert)
    assert danger.severity is Severity.DANGER
    (doubt,) = call.take_doubts()
    assert call.push(answer(doubt, Verdict.HARASSMENT, Category.THREAT)) == [
        AlertReview(2500, danger.alert_id, Verdict.HARASSMENT, "理由", "some-model")
    ]


def test_a_third_opinion_that_disagrees_marks_the_alert_and_takes_nothing_away() -> None:
    call = engine(0.2)
    (danger,) = of(Alert, say(call, DANGER))
    (doubt,) = call.take_doubts()
    events = call.push(answer(doubt, Verdict.NOT_HARASSMENT))
    assert isinstance(danger, Alert)
    assert events == [AlertReview(2500, danger.alert_id, Verdict.NOT_HARASSMENT, "理由", "some-model")]


def test_words_just_below_the_raising_threshold_are_doubted() -> None:
    call = engine(raise_from() - POLICY.band / 2)
    assert of(Alert, say(call, PLAIN)) == []
    (doubt,) = call.take_doubts()
    (alert,) = of(Alert, call.push(answer(doubt, Verdict.HARASSMENT, Category.SNS)))
    assert isinstance(alert, Alert)
    assert (alert.quote, alert.severity) == (PLAIN, Severity.WARNING)


@pytest.mark.parametrize("probability", [0.02, raise_from() - POLICY.band - 0.01, raise_from() + 0.01])
def test_words_outside_the_band_are_not_doubted(probability: float) -> None:
    call = engine(probability)
    say(call, PLAIN)
    assert call.take_doubts() == []


def test_a_likely_warning_is_not_doubted() -> None:
    call = engine(0.99)
    say(call, WARNED)
    assert call.take_doubts() == []


def test_an_agents_words_and_calls_in_another_language_are_not_doubted() -> None:
    agent, other = engine(raise_from() - 0.01), engine(raise_from() - 0.01, locale="en")
    say(agent, f"A:{PLAIN}")
    say(other, PLAIN)
    assert agent.take_doubts() == other.take_doubts() == []


def test_danger_to_oneself_is_never_put_in_doubt() -> None:
    call = engine(0.05)
    (alert,) = of(Alert, say(call, "もう死ぬしかないです 今ベランダに立ってます"))
    assert isinstance(alert, Alert)
    assert alert.category is Category.SELFHARM
    assert call.take_doubts() == []


def test_without_a_policy_nothing_is_doubted_and_an_answer_changes_nothing() -> None:
    call = AssistEngine(CallFacts("call"), PLAYBOOK, FixedOpinion(0.05))
    say(call, WARNED)
    assert call.take_doubts() == []
    assert (
        call.push(ThirdOpinion(2500, "doubt@u0", Verdict.HARASSMENT, Category.THREAT, "理由", "some-model"))
        == []
    )


def test_an_unsure_answer_a_second_answer_and_one_to_no_doubt_change_nothing() -> None:
    call = engine(0.05)
    say(call, WARNED)
    (doubt,) = call.take_doubts()
    assert call.push(answer(doubt, Verdict.UNSURE)) == []
    assert call.push(answer(doubt, Verdict.HARASSMENT, Category.THREAT)) == []
    unknown = replace(doubt, doubt_id="doubt@u9")
    assert call.push(answer(unknown, Verdict.HARASSMENT, Category.THREAT)) == []
    assert not call.failures


def test_doubts_are_taken_once() -> None:
    call = engine(0.05)
    say(call, WARNED)
    assert len(call.take_doubts()) == 1
    assert call.take_doubts() == []


def test_at_most_four_turns_before_go_along() -> None:
    call = engine(0.01)
    say(call, *(f"A:確認の{place}番目になります" for place in range(7)))
    call.take_doubts()
    say(call, WARNED)
    (doubt,) = call.take_doubts()
    assert [turn.text for turn in doubt.turns] == [f"確認の{n}番目になります" for n in range(3, 7)] + [WARNED]


def test_no_name_number_or_card_leaves_the_engine() -> None:
    call = engine(0.05, known={"phone": "09012345678"})
    call.push(AgentEdit(0, {"customer_name": "綾小路 麗子", "order_or_contract_number": "AB-558201"}))
    say(
        call,
        "A:お名前とお電話番号をお願いいたします",
        "小野寺健一です、電話は080の",
        "1357の2468です、綾小路麗子の代わりで",
        "A:カード番号をお願いできますか",
        f"4111の1111の1111の1111で、携帯は09012345678、注文は558201、{WARNED}",
    )
    (doubt,) = call.take_doubts()
    sent = json.dumps(messages(POLICY, doubt), ensure_ascii=False)
    for private in ("小野寺", "健一", "綾小路", "麗子", "1357", "2468", "4111", "1111", "5678", "558201"):
        assert private not in sent
    assert "[氏名]" in sent
    assert "[カード番号]" in sent
    assert WARNED in sent


def test_amounts_and_years_stay_but_other_long_numbers_do_not() -> None:
    call = engine(0.05)
    say(call, f"2026年に買って10000円も払った、整理券は73195、{WARNED}")
    (doubt,) = call.take_doubts()
    text = doubt.turns[-1].text
    assert "2026年" in text
    assert "10000円" in text
    assert "73195" not in text


def test_the_prompt_holds_every_code_the_fairness_rule_and_the_words_as_json() -> None:
    call = engine(0.05)
    say(call, "A:承りました", WARNED)
    (doubt,) = call.take_doubts()
    system, user = messages(POLICY, doubt)
    assert (system["role"], user["role"]) == ("system", "user")
    for category in Category:
        told = f"- {category.value}: " in system["content"]
        asked = category.value not in {
            "fraud",
            "selfharm",
            "premature_liability",
            "denial",
            "speculation",
        }
        assert told == asked
    assert "それだけではハラスメントではありません" in system["content"]
    assert json.loads(user["content"]) == {
        "before": [{"speaker": "agent", "text": "承りました"}],
        "judge": {"speaker": "customer", "text": WARNED},
    }


def test_an_exact_answer_is_believed() -> None:
    said = '{"verdict": "harassment", "category": "sns", "reason": "暴露を\\nほのめかす。"}'
    assert read_answer(POLICY, said) == Answer(Verdict.HARASSMENT, Category.SNS, "暴露を ほのめかす")
    said = '{"verdict": "not_harassment", "category": null, "reason": "実際の苦情"}'
    assert read_answer(POLICY, said) == Answer(Verdict.NOT_HARASSMENT, None, "実際の苦情")
    said = ' {"reason": "", "category": "sns", "verdict": "unsure"}\n'
    assert read_answer(POLICY, said) == Answer(Verdict.UNSURE, None, "")


def test_a_reason_is_short_and_holds_no_number() -> None:
    reason = f"09012345678に{'長' * 500}"
    said = json.dumps({"verdict": "unsure", "category": None, "reason": reason})
    read = read_answer(POLICY, said)
    assert read is not None
    assert read.reason.startswith("[番号]に長")
    assert len(read.reason) == POLICY.most_reason_characters


@pytest.mark.parametrize(
    "content",
    [
        "",
        "ハラスメントです",
        '```json\n{"verdict": "unsure", "category": null, "reason": ""}\n```',
        '{"verdict": "unsure", "category": null, "reason": ""} です',
        '[{"verdict": "unsure", "category": null, "reason": ""}]',
        '{"verdict": "unsure", "category": null}',
        '{"verdict": "unsure", "category": null, "reason": "", "severity": 3}',
        '{"verdict": "unsure", "verdict": "harassment", "category": "sns", "reason": ""}',
        '{"verdict": "Harassment", "category": "sns", "reason": ""}',
        '{"verdict": ["harassment"], "category": "sns", "reason": ""}',
        '{"verdict": "harassment", "category": null, "reason": ""}',
        '{"verdict": "harassment", "category": "selfharm", "reason": ""}',
        '{"verdict": "harassment", "category": "speculation", "reason": ""}',
        '{"verdict": "harassment", "category": "rude", "reason": ""}',
        '{"verdict": "harassment", "category": "sns", "reason": 1}',
        '{"verdict": "not_harassment", "category": 1, "reason": ""}',
        "[" * 100_000,
    ],
)
def test_anything_else_is_no_opinion(content: str) -> None:
    assert read_answer(POLICY, content) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("band = 0.3", "band = 3.0"),
        ("band = 0.3", 'band = "wide"'),
        ("turns_before = 4", "turns_before = 5"),
        ('sns = "', 'rumour = "'),
        ("${categories}", "${labels}"),
        ("[answer]", "[answers]"),
        ("[doubt]", "[doubt"),
    ],
)
def test_a_policy_that_does_not_fit_is_refused(tmp_path: Path, old: str, new: str) -> None:
    text = BUILT_IN.read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "third_opinion.toml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(OpinionError, match=r"third_opinion\.toml"):
        load_policy(file)
