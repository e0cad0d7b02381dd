"""The wire form of every event is fixed by a snapshot, and reading gives back what was written."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.assist.types import (
    Alert,
    AlertReview,
    Approval,
    CallerHistory,
    CaseRevision,
    CaseTag,
    Category,
    ChecklistChange,
    EarlierCall,
    EndState,
    FieldValue,
    Guidance,
    MatchedBy,
    RecordKeeping,
    Repetition,
    Severity,
    Verdict,
)
from koemori.audio.call import CallId, CallStarted, Channel, ChannelRole, LegId
from koemori.audio.frames import Gap, GapCause
from koemori.audio.signals import CallUpdated, UpdateKind
from koemori.models.types import (
    LoadChanged,
    NotAssisted,
    Partial,
    Quarantined,
    SpeakersFound,
    Timing,
    Utterance,
    VoiceChanged,
    Word,
)
from koemori.server.calls.emitter import Emitter
from koemori.server.calls.latency import Cause
from koemori.server.telemetry import Metrics
from koemori.server.wire import (
    EVENT_TYPES,
    LedgerChannel,
    PartialEvent,
    WireEvent,
    WireLedger,
    WireRecording,
    decode,
    encode,
)
from pydantic import ValidationError

from tests.fakes.sink import ListSink

pytestmark = pytest.mark.unit

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "events.json"
CALL = CallId("01JDKQ0000000000000000CALL")
AGENT = Channel(CALL, LegId("a"), 0, ChannelRole.AGENT, "media")
CUSTOMER = Channel(CALL, LegId("c"), 1, ChannelRole.CUSTOMER, "media")
MONO = Channel(CALL, LegId("a"), 0, ChannelRole.UNKNOWN, "media")


HEARD = Timing(vad_ms=600, queue_ms=40, encode_ms=210, decode_ms=190, merge_ms=15)


async def _every_event() -> list[WireEvent]:
    """One event of each kind, as the emitter makes them; the clock stands at 5 s."""
    sink = ListSink()
    times = iter([100.02, *[105.0] * 32])
    started = CallStarted(
        CALL, datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC), 8000, (AGENT, CUSTOMER), {"call_sid": "CA1"}
    )
    emitter = Emitter(started, sink, Metrics(), live=True, monotonic=lambda: next(times))
    await emitter.started()
    emitter.first_frame(20)
    await emitter.updated(CallUpdated(CALL, 900, UpdateKind.HELD, {"channel": 1, "codec": "PCMA"}))
    await emitter.updated(
        CallUpdated(
            CALL,
            950,
            UpdateKind.TRANSFERRED,
            external_ids={"linked_id": "178.9"},
            agent_id="agent2",
            customer_number="0312345678",
            queue="claims",
            roles={1: ChannelRole.CUSTOMER},
        )
    )
    await _hear(emitter)
    await _judge(emitter)
    ledger = WireLedger(
        channels=(
            LedgerChannel(index=0, role=ChannelRole.AGENT, duration_ms=4000, captured_ms=3900, lost_ms=100),
            LedgerChannel(index=1, role=ChannelRole.CUSTOMER, duration_ms=4000, captured_ms=4000),
        )
    )
    recording = WireRecording(id="r1", manifest_sha256="00", path="var/archive/recordings/r1")
    await emitter.ended(4000, "stop", recording, ledger)
    return sink.events


async def _hear(emitter: Emitter) -> None:
    """What is heard, or is not."""
    await emitter.transcript(Partial(CUSTOMER, "1-1000", 2, 1000, 1800, "責任者を", "出せ", HEARD), 4998)
    words = (Word("責任者を", 1000, 1500, 0.91234), Word("出せ", 1500, 2000, 0.8, heard="だせ"))
    await emitter.transcript(
        Utterance(CUSTOMER, "1-1000", 1000, 2000, "責任者を出せ", words, "ja", "base", HEARD), 4995
    )
    shared = tuple(replace(word, speaker=name) for word, name in zip(words, ("S1", "unknown"), strict=True))
    await emitter.transcript(Utterance(MONO, "0-1000", 1000, 2000, "責任者を出せ", shared, "ja", "base"))
    await emitter.transcript(SpeakersFound(MONO, "0-1000", 1000, 2000, shared))
    await emitter.transcript(Quarantined(CUSTOMER, 2500, 3000, "ご視聴", "no-speech", "1-2500", HEARD), 5000)
    await emitter.transcript(NotAssisted(AGENT, 3000, 3500, "overload"))
    await emitter.gap(Gap(AGENT, 8000, 800, GapCause.LOST, 8000))
    await emitter.masking(True, "card-asked", 3500, 63_500)
    await emitter.masking(False, "card-asked", 3550, None)
    await emitter.transcript(LoadChanged(3600, "partials_reduced", 1500))
    await emitter.transcript(LoadChanged(3900, "shedding", 3000))
    await emitter.transcript(VoiceChanged(CUSTOMER, 3200, 3950, True, 7.412, 3.08))
    await emitter.transcript(VoiceChanged(CUSTOMER, 3200, 3990, False, 1.26, None))


async def _judge(emitter: Emitter) -> None:
    """What the engine makes of it."""
    cause = Cause(since_ms=2000, timing=HEARD, came_ms=4890, asked_ms=4900)
    await emitter.assist(
        Alert(
            "a1", Category.THREAT, Severity.DANGER, True, "threat.visit", 2000, ("1-1000",), "出せ", "理由"
        ),
        cause,
        4990,
    )
    await emitter.assist(Repetition("k1", 4, 2000, ("1-1000",), "責任者を出す"))
    await emitter.assist(
        Guidance("g1", "a1", "ladder1", "落ち着いてください。", "理由", "手引き3", "1+abc", 2000, 62_000),
        cause,
        4990,
    )
    await emitter.assist(
        Guidance("g2", None, "step1", "承ります。", "理由", "手引き1", "1+abc", 2000, 62_000)
    )
    earlier = EarlierCall("c0", "2026-11-20", MatchedBy.PHONE, "返金", EndState.UNRESOLVED_AGREED)
    await emitter.assist(CallerHistory(2000, (earlier,)))
    await emitter.assist(Repetition("x1", 1, 2000, ("1-1000",), "返金して", (earlier,)))
    await emitter.assist(ChecklistChange("recording_notice", True, 2000, "0-0"))
    await emitter.assist(ChecklistChange("recording_notice", False, 2000, None))
    await emitter.assist(Approval(2000, "boss", "管理 花子", "ladder4"))
    await emitter.assist(AlertReview(2000, "a1", Verdict.NOT_HARASSMENT, "実際の苦情", "some-model"))
    fields = {"customer_name": FieldValue("小野寺", 0.81239, ("1-1000",))}
    await emitter.assist(
        CaseRevision(
            3,
            2000,
            fields,
            EndState.OPEN,
            (Category.THREAT,),
            "unknown",
            "harassing",
            summary={"matter": FieldValue("ルーター: つながらない", 0.5, ("u1",))},
            tags=(CaseTag("cause", "quality", "品質不良", ("u1",)),),
            record_keeping=RecordKeeping(True, "complaint", "苦情は、申し出・対応・結果を残す", ("u1",)),
        )
    )


async def test_every_event_looks_as_the_contract_says(request: pytest.FixtureRequest) -> None:
    came = [json.loads(encode(event)) for event in await _every_event()]
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(json.dumps(came, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    assert came == json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert {event["type"] for event in came} == set(EVENT_TYPES)


async def test_reading_gives_back_what_was_written() -> None:
    for event in await _every_event():
        assert decode(encode(event)) == event


async def test_seq_rises_by_one_from_one() -> None:
    events = await _every_event()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


async def test_emitted_counts_from_when_the_first_sample_was_due() -> None:
    partial = (await _every_event())[3]
    assert (partial.emitted_ms, partial.at_ms) == (5000, 1800)


@given(
    stable=st.text(),
    unstable=st.text(),
    revision=st.integers(min_value=0),
    at_ms=st.integers(min_value=0, max_value=2**53),
)
def test_any_text_survives_the_wire(stable: str, unstable: str, revision: int, at_ms: int) -> None:
    event = PartialEvent(
        call_id="c",
        seq=1,
        at_ms=at_ms,
        speaker=ChannelRole.AGENT,
        utterance_id="0-0",
        revision=revision,
        stable=stable,
        unstable=unstable,
    )
    line = encode(event)
    assert "\n" not in line
    assert decode(line) == event


def test_an_unknown_key_is_ignored_and_an_unknown_type_refused() -> None:
    line = '{"v":1,"type":"checklist","call_id":"c","seq":1,"at_ms":0,"item":"x","done":true,"later":1}'
    assert decode(line).type == "checklist"
    with pytest.raises(ValidationError):
        decode(line.replace("checklist", "surprise"))
