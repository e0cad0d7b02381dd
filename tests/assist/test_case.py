"""The case fills itself, and the agent's edit always wins."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.assist.case import CaseFile
from koemori.assist.types import (
    CASE_FIELDS,
    AgentEdit,
    Alert,
    CallFacts,
    CaseRevision,
    Category,
    EndState,
    Finding,
    Severity,
)

from tests.fakes.conversation import Conversation, shipped_playbook

pytestmark = pytest.mark.unit

SCRIPT = (
    ("a", "ネットサポートの木村でございます。通話は録音しております。"),
    ("c", "ネットがつながらないんだけど。昨日の夜からずっと。"),
    ("a", "ご不便をおかけし申し訳ございません。お名前とお電話番号をお伺いできますか。"),
    ("c", "小野寺剛。080の1111の2301。契約番号はKの77120。早く直してよ。"),
    ("a", "小野寺様、ご自宅で無線ルーターがつながらないということでございますね。"),
    ("c", "そうだよ。新品に交換してくれ。"),
    ("a", "明日の午前中に代替品を発送いたします。"),
    ("c", "それならいいよ。納得した。"),
)


def play(
    case: CaseFile, conversation: Conversation, *turns: tuple[str, str], findings: tuple[Finding, ...] = ()
) -> None:
    for speaker, text in turns:
        heard = conversation.a(text) if speaker == "a" else conversation.c(text)
        case.observe(heard, conversation.call, findings)


def fresh(**known: str) -> tuple[CaseFile, Conversation]:
    facts = CallFacts("call-1", known=known)
    return CaseFile(facts, shipped_playbook()), Conversation(facts)


def values(revision: CaseRevision) -> dict[str, str]:
    return {name: field.value for name, field in revision.fields.items()}


def test_a_call_fills_every_field_with_the_utterances_it_came_from() -> None:
    case, conversation = fresh()
    play(case, conversation, *SCRIPT)
    revision = case.final(60_000)
    assert set(revision.fields) == set(CASE_FIELDS)
    assert values(revision)["customer_name"] == "小野寺剛"
    assert values(revision)["where"] == "自宅"
    assert values(revision)["demand"].endswith("交換「新品に交換してくれ」")
    assert revision.end_state is EndState.RESOLVED_AGREED
    heard = {item.utterance_id for item in conversation.call.heard}
    for field in revision.fields.values():
        assert field.utterance_ids
        assert set(field.utterance_ids) <= heard
        assert 0 < field.confidence < 1
        assert not field.confirmed


def test_a_revision_comes_only_when_something_changed() -> None:
    case, conversation = fresh()
    assert case.revision_if_changed(0) is None
    play(case, conversation, *SCRIPT[:4])
    first = case.revision_if_changed(10_000)
    assert first is not None
    assert case.revision_if_changed(11_000) is None
    case.edit(AgentEdit(12_000, {"where": "書斎"}))
    second = case.revision_if_changed(12_000)
    assert second is not None
    assert second.revision == first.revision + 1


def test_the_last_revision_comes_although_nothing_changed() -> None:
    case, _ = fresh()
    assert case.final(1_000).revision == 1


def test_what_the_phone_system_knew_gives_way_to_what_was_said() -> None:
    case, conversation = fresh(phone="03-9999-0000")
    first = case.final(0)
    assert first.fields["phone"].value == "03-9999-0000"
    play(case, conversation, *SCRIPT[:4])
    assert values(case.final(60_000))["phone"] == "080-1111-2301"


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(st.sampled_from(CASE_FIELDS), st.text(max_size=12), min_size=1),
    st.integers(min_value=0, max_value=len(SCRIPT)),
)
def test_an_agents_edit_is_never_overwritten(edits: dict[str, str], at: int) -> None:
    case, conversation = fresh()
    play(case, conversation, *SCRIPT[:at])
    case.edit(AgentEdit(conversation.call.now_ms, edits))
    play(case, conversation, *SCRIPT[at:])
    final = case.final(conversation.call.now_ms)
    for name, value in edits.items():
        assert final.fields[name].value == value.strip()
        assert final.fields[name].confirmed
        assert final.fields[name].confidence == 1.0


def test_a_field_that_does_not_exist_is_not_edited() -> None:
    case, _ = fresh()
    case.edit(AgentEdit(0, {"shoe_size": "27"}))
    assert case.final(0).fields == {}


def test_an_ordinary_call_has_nobody_dissatisfied_and_is_no_complaint() -> None:
    case, conversation = fresh()
    play(
        case,
        conversation,
        ("c", "引っ越すので住所変更をお願いしたいんですが。"),
        ("a", "かしこまりました。来月一日の午前に作業員が伺います。"),
        ("c", "大丈夫です。ありがとうございました。"),
    )
    final = case.final(60_000)
    assert final.end_state is EndState.NOT_COMPLAINT
    assert not {"about_what", "who_is_dissatisfied"} & set(final.fields)


def test_harassment_is_listed_once_each_and_self_harm_never() -> None:
    case, conversation = fresh()
    found = tuple(
        Alert(f"a{place}", category, Severity(severity), harassment, "r", 0, ("u0",), "", "")
        for place, (category, severity, harassment) in enumerate(
            [
                (Category.VERBAL_ABUSE, 2, True),
                (Category.VERBAL_ABUSE, 3, True),
                (Category.INTIMIDATION, 1, True),
                (Category.SELFHARM, 3, False),
            ]
        )
    )
    play(case, conversation, ("c", "このバカ"), findings=found)
    assert case.final(0).harassment_categories == (Category.VERBAL_ABUSE,)


def test_the_conclusion_says_how_it_ended() -> None:
    case, conversation = fresh()
    play(case, conversation, *SCRIPT)
    assert "納得" in values(case.final(60_000))["conclusion"]


def test_the_last_revision_tells_the_call_in_short_and_tags_it() -> None:
    case, conversation = fresh()
    play(case, conversation, *SCRIPT)
    before = case.revision_if_changed(50_000)
    assert before is not None
    assert (before.summary, before.tags, before.record_keeping) == ({}, (), None)
    revision = case.final(60_000)
    said = {heard.utterance_id for heard in conversation.call.heard}
    assert {"matter", "demand", "promises"} <= set(revision.summary)
    assert all(set(part.utterance_ids) <= said for part in revision.summary.values())
    assert ("demand_type", "exchange") in [(tag.kind, tag.id) for tag in revision.tags]
    assert ("product_group", "telecom") in [(tag.kind, tag.id) for tag in revision.tags]
    assert revision.record_keeping is not None
    assert revision.record_keeping.required
