"""Where a voice was raised is kept with the call and marked in its recording."""

import pytest
from koemori.audio.call import CallId, ChannelRole
from koemori.server.wire import VoiceEvent

from tests.fakes.office import Office

pytestmark = pytest.mark.integration


def voice(
    call_id: CallId, seq: int, at_ms: int, since_ms: int, level_db: float, raised: bool = True
) -> VoiceEvent:
    return VoiceEvent(
        call_id=call_id,
        seq=seq,
        at_ms=at_ms,
        speaker=ChannelRole.CUSTOMER,
        raised=raised,
        since_ms=since_ms,
        level_db=level_db,
        pitch_semitones=2.5 if raised else None,
    )


def test_a_recording_says_where_the_voice_was_raised_and_by_how_much(office: Office) -> None:
    call_id = office.call(ended=False)
    changes = [
        voice(call_id, 10, 2000, 1000, 6.5),
        voice(call_id, 11, 3000, 1000, 9.8),
        voice(call_id, 12, 4000, 1000, 1.2, raised=False),
        voice(call_id, 13, 6000, 5000, 7.0),
    ]
    office.records.append(call_id, changes)
    office.end(call_id, 14, 8000)
    recording_id = office.recording(call_id, 8.0).recording_id
    shown = office.browser("counsel").get(f"/api/v1/recordings/{recording_id}").json()
    assert shown["raised_voice"] == [
        {"start_ms": 1000, "end_ms": 4000, "level_db": 9.8, "pitch_semitones": 2.5},
        {"start_ms": 5000, "end_ms": 8000, "level_db": 7.0, "pitch_semitones": 2.5},
    ]
    assert office.records.read(call_id, 9, 4) == changes


def test_a_recording_without_a_raised_voice_marks_none(office: Office) -> None:
    recording_id = office.recording(office.call(), 0.2).recording_id
    shown = office.browser("counsel").get(f"/api/v1/recordings/{recording_id}").json()
    assert shown["raised_voice"] == []
