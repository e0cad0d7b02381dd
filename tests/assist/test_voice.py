"""A raised voice supports words and never speaks for itself."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.assist.engine import AssistEngine
from koemori.assist.playbooks.load import load_playbook
from koemori.assist.types import (
    Alert,
    AssistEvent,
    CallClosed,
    CallFacts,
    CaseRevision,
    Category,
    Heard,
    Severity,
    Tick,
    VoiceRaised,
)
from koemori.assist.voice import VoiceLog
from koemori.audio.call import ChannelRole

pytestmark = pytest.mark.unit

PLAYBOOK = load_playbook("ja", None)
RAISED = VoiceRaised(at_ms=1000, since_ms=0, level_db=7.4, pitch_semitones=3.2)
CALM = VoiceRaised(at_ms=2000, since_ms=0, level_db=0.5, pitch_semitones=0.1, ended=True)
SUPPORT = "声量上昇(+7 dB)"


def said(text: str, start_ms: int = 1000, speaker: ChannelRole = ChannelRole.CUSTOMER) -> Heard:
    return Heard(f"{speaker.value}-{start_ms}", speaker, start_ms, start_ms + 2000, text)


def play(*inputs: Heard | Tick | VoiceRaised | CallClosed) -> list[AssistEvent]:
    engine = AssistEngine(CallFacts("c"), PLAYBOOK)
    events = [event for one in inputs for event in engine.push(one)]
    assert not engine.failures
    return events


def alerts(*inputs: Heard | Tick | VoiceRaised | CallClosed) -> list[Alert]:
    return [event for event in play(*inputs) if isinstance(event, Alert)]


def manner(*inputs: Heard | Tick | VoiceRaised | CallClosed) -> str:
    return [event for event in play(*inputs, CallClosed(9000)) if isinstance(event, CaseRevision)][-1].manner


def test_rough_words_at_the_person_become_a_warning_when_the_voice_is_raised() -> None:
    words = said("お前が調べろよ")
    [calm] = alerts(words)
    [shouted] = alerts(RAISED, words)
    assert (calm.severity, calm.harassment) == (Severity.NOTICE, False)
    assert (shouted.severity, shouted.harassment) == (Severity.WARNING, True)
    assert (shouted.category, shouted.rule_id, shouted.quote) == (calm.category, calm.rule_id, calm.quote)
    assert SUPPORT not in calm.explanation
    assert shouted.explanation == f"{calm.explanation}。相手に向けた言葉で、{SUPPORT}を伴うため警告"
    assert (manner(words), manner(RAISED, words)) == ("rough", "harassing")


@pytest.mark.parametrize(
    "words",
    [
        "子供の誕生日に間に合わなかったんだぞ どうしてくれるんだって言いたくもなるよ",
        "娘は泣いて寝ちゃったんだぞ。どうしてくれるんだ。",
        "さすがに怒りますよ 三度目ですからね",
        "何回同じこと言わせるんですか 早くしろよ",
        "話にならないのでもう切ります",
        "いい加減にしろよ 一週間も待ってるんだ",
    ],
)
def test_a_fair_complaint_stays_rough_at_most_however_loud(words: str) -> None:
    assert alerts(RAISED, said(words)) == alerts(said(words))
    assert manner(RAISED, said(words)) == manner(said(words)) != "harassing"


def test_a_warning_mentions_the_voice_and_stays_a_warning() -> None:
    words = said("お前みたいなクズに話しても無駄だ")
    [calm], [shouted] = alerts(words), alerts(RAISED, words)
    assert shouted.severity is calm.severity is Severity.WARNING
    assert shouted.explanation == f"{calm.explanation}。{SUPPORT}"


def test_someone_in_despair_is_never_measured_by_loudness() -> None:
    words = said("もう死にたいです 生きていても仕方がない")
    assert [one.category for one in alerts(words)] == [Category.SELFHARM]
    assert alerts(RAISED, words) == alerts(words)


def test_the_agents_words_are_not_supported_by_the_customers_voice() -> None:
    words = said("それは弊社の責任です", speaker=ChannelRole.AGENT)
    assert alerts(words)
    assert alerts(RAISED, words) == alerts(words)


def test_an_unknown_speaker_on_a_shared_channel_has_no_voice() -> None:
    words = said("お前が調べろよ", speaker=ChannelRole.UNKNOWN)
    assert alerts(RAISED, words) == alerts(words)


def test_words_after_the_voice_has_calmed_down_are_as_before() -> None:
    assert [one.severity for one in alerts(RAISED, CALM, said("お前が調べろよ", 2000))] == [Severity.NOTICE]


def test_words_count_as_raised_when_enough_of_them_was() -> None:
    log = VoiceLog()
    log.note(VoiceRaised(6000, 5000, 8.0, None))
    assert log.at(said("はい", 3400)) is None
    assert log.at(said("はい", 3500)) is not None
    log.note(VoiceRaised(7000, 5000, 12.0, 2.0))
    log.note(VoiceRaised(8000, 5000, 1.0, 0.0, ended=True))
    found = log.at(said("はい", 7400))
    assert found is not None
    assert (found.since_ms, found.until_ms, found.level_db) == (5000, 8000, 12.0)
    assert log.at(said("はい", 7600)) is None


@given(
    changes=st.lists(
        st.builds(
            VoiceRaised,
            at_ms=st.integers(0, 600_000),
            since_ms=st.integers(0, 600_000),
            level_db=st.floats(-20, 40),
            pitch_semitones=st.none() | st.floats(-11, 11),
            ended=st.booleans(),
        ),
        max_size=30,
    )
)
def test_a_raised_voice_alone_never_alerts_and_never_changes_the_manner(changes: list[VoiceRaised]) -> None:
    polite = said("お荷物がまだ届いていないようなのですが、いつ頃になりますでしょうか。")
    events = play(*changes, polite, *changes, Tick(500_000), CallClosed(600_000))
    assert not [event for event in events if isinstance(event, Alert)]
    assert {event.manner for event in events if isinstance(event, CaseRevision)} == {"calm"}


def test_no_fair_row_of_the_corpus_becomes_a_warning_by_being_shouted(corpus: Path) -> None:
    rows = [json.loads(line) for line in (corpus / "utterances.dev.jsonl").read_text("utf-8").splitlines()]
    fair = [row for row in rows if row["speaker"] == "customer" and row["severity"] == 0]
    assert len(fair) > 100
    promoted = [
        row["id"]
        for row in fair
        if {(a.rule_id, a.severity) for a in alerts(RAISED, said(row["text"]))}
        != {(a.rule_id, a.severity) for a in alerts(said(row["text"]))}
    ]
    assert promoted == []
