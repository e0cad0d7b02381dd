"""Who said what on a channel of both sides: told at once, told again once known, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from koemori.assist.engine import AssistEngine
from koemori.assist.playbooks.load import load_playbook
from koemori.assist.types import Alert, AssistEvent, Attributed, CallFacts, CaseRevision, Category, Heard
from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.models.types import NotAssisted, SpeakersFound, Utterance, Word
from koemori.server.calls.who_speaks import WhoSpeaks

pytestmark = pytest.mark.unit

MONO = Channel(CallId("01CALL"), LegId("0"), 0, ChannelRole.UNKNOWN, "test")
AGENT, CUSTOMER, UNKNOWN = ChannelRole.AGENT, ChannelRole.CUSTOMER, ChannelRole.UNKNOWN
GREETING = "お電話ありがとうございます。家電サポートの野村でございます。"
BLAME = "申し訳ございません、全部弊社の責任です。"


def words(*said: tuple[str, str], start_ms: int = 0) -> tuple[Word, ...]:
    """One word for each voice and text, 100 ms a character."""
    found: list[Word] = []
    for voice, text in said:
        end_ms = start_ms + 100 * len(text)
        found.append(Word(text, start_ms, end_ms, 0.9, voice))
        start_ms = end_ms
    return tuple(found)


def utterance(name: str, *said: tuple[str, str], start_ms: int = 0, channel: Channel = MONO) -> Utterance:
    spoken = words(*said, start_ms=start_ms)
    text = "".join(word.text for word in spoken)
    return Utterance(channel, name, start_ms, spoken[-1].end_ms, text, spoken, "ja", "model", None)


def found(event: Utterance, *voices: str) -> SpeakersFound:
    """The same words, with voices."""
    said = tuple(replace(word, speaker=voice) for word, voice in zip(event.words, voices, strict=True))
    return SpeakersFound(event.channel, event.utterance_id, event.start_ms, event.end_ms, said)


def inputs(who: WhoSpeaks, *events: Utterance | SpeakersFound | NotAssisted) -> list[Heard | Attributed]:
    return [told for event in events for told, _ in who.inputs(event)]


def roles(told: Iterable[Heard | Attributed]) -> list[tuple[str, list[ChannelRole]]]:
    return [
        (
            one.utterance_id,
            [part.speaker for part in one.parts] if isinstance(one, Attributed) else [one.speaker],
        )
        for one in told
    ]


def test_a_channel_of_one_side_is_told_as_it_is() -> None:
    event = utterance("u1", ("", GREETING), channel=replace(MONO, role=CUSTOMER))
    assert inputs(WhoSpeaks(), event) == [Heard("u1", CUSTOMER, 0, event.end_ms, GREETING)]
    assert inputs(WhoSpeaks(), NotAssisted(MONO, 0, 1000, "vad")) == []


def test_words_whose_voices_come_later_are_told_at_once_and_again() -> None:
    who = WhoSpeaks()
    first = utterance("u1", ("unknown", "もしもし、ケトルが壊れたんですけど。"))
    second = utterance("u2", ("unknown", GREETING), start_ms=5000)
    assert roles(inputs(who, first, second)) == [("u1", [UNKNOWN]), ("u2", [UNKNOWN])]
    assert inputs(who, found(first, "S1")) == []
    again = inputs(who, found(second, "S2"))
    assert roles(again) == [("u1", [CUSTOMER]), ("u2", [AGENT])]
    assert all(isinstance(one, Attributed) and one.at_ms == second.end_ms for one in again)
    assert inputs(who, found(second, "S2")) == []


def test_an_utterance_of_two_voices_is_told_in_parts_with_its_words() -> None:
    who = WhoSpeaks()
    inputs(who, utterance("u1", ("S1", GREETING)))
    mixed = utterance("u2", ("S1", "お名前をお伺いできますか。"), ("S2", "石橋です。"), start_ms=5000)
    told = inputs(who, mixed)
    assert roles(told) == [("u2", [AGENT]), ("u2", [CUSTOMER])]
    assert [one.text for one in told if isinstance(one, Heard)] == [
        "お名前をお伺いできますか。",
        "石橋です。",
    ]


def test_a_flicker_of_another_voice_and_a_word_of_none_cut_nothing() -> None:
    who = WhoSpeaks()
    inputs(
        who,
        utterance("u1", ("S1", GREETING)),
        utterance("u2", ("S2", "もしもし、壊れたんですけど。"), start_ms=5000),
    )
    spoken = (("S2", "ケトルの取っ手が外"), ("S1", "れ"), ("S2", "てお湯がこぼれた"), ("unknown", "んです。"))
    told = inputs(who, utterance("u3", *spoken, start_ms=9000))
    assert roles(told) == [("u3", [CUSTOMER])]


def alerts(events: Iterable[AssistEvent]) -> set[Category]:
    return {event.category for event in events if isinstance(event, Alert)}


def test_what_the_agent_turns_out_to_have_said_is_judged_as_the_agents() -> None:
    engine, who = AssistEngine(CallFacts("call"), load_playbook()), WhoSpeaks()

    def push(event: Utterance | SpeakersFound) -> list[AssistEvent]:
        return [answer for told, _ in who.inputs(event) for answer in engine.push(told)]

    said = [
        utterance("u1", ("unknown", GREETING)),
        utterance("u2", ("unknown", "今朝ケトルの取っ手が外れて、お湯がこぼれたんです。"), start_ms=5000),
        utterance("u3", ("unknown", BLAME), start_ms=9000),
        utterance("u4", ("unknown", "払っていただけるんですね。"), start_ms=14_000),
    ]
    assert not any(alerts(push(event)) for event in said)
    later = [push(found(event, voice)) for event, voice in zip(said, ("S1", "S2", "S1", "S2"), strict=True)]
    assert [alerts(events) for events in later] == [set(), set(), {Category.PREMATURE_LIABILITY}, set()]
    assert [one.speaker for one in engine.call.heard] == [AGENT, CUSTOMER, AGENT, CUSTOMER]
    assert [one.utterance_id for one in engine.call.heard] == ["u1", "u2", "u3", "u4"]
    assert not alerts(push(found(said[2], "S1")))


def test_attributing_words_that_were_not_heard_changes_nothing() -> None:
    engine = AssistEngine(CallFacts("call"), load_playbook())
    engine.push(Heard("u1", UNKNOWN, 0, 1000, BLAME))
    assert engine.push(Attributed(2000, "u9", (Heard("u9", AGENT, 0, 1000, BLAME),))) == []
    assert [one.utterance_id for one in engine.call.heard] == ["u1"]


def test_the_case_takes_what_the_agent_promised_once_the_voice_is_known() -> None:
    engine, who = AssistEngine(CallFacts("call"), load_playbook()), WhoSpeaks()
    promise = "明日の午前中までに、担当の私からお電話いたします。"
    said = [utterance("u1", ("unknown", GREETING)), utterance("u2", ("unknown", promise), start_ms=6000)]
    before = [answer for event in said for told, _ in who.inputs(event) for answer in engine.push(told)]
    told = inputs(who, *(found(event, "S1") for event in said))
    after = [answer for one in told for answer in engine.push(one)]
    cases = [[event for event in events if isinstance(event, CaseRevision)] for events in (before, after)]
    assert not any("promises" in case.fields for case in cases[0])
    assert "午前" in cases[1][-1].fields["promises"].value
