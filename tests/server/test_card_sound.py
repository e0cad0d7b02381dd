"""A number that was read out after the agent asked for a card is not heard again in the master.

The voice is the corpus's; its telephone number stands for a card's, which the corpus has none of. The agent's
question comes from a script, and late, as from a recogniser.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from koemori.assist.numerals import digit_runs
from koemori.audio.call import CallEnded, CallStarted, Channel
from koemori.audio.frames import AudioFrame, SourceEvent
from koemori.audio.ids import new_call_id
from koemori.audio.journal import Journal, JournalHead
from koemori.audio.signals import KeyCarrier, KeyPressed
from koemori.models.catalog import ensure_model
from koemori.models.ports import Purpose, TranscriptionRequest
from koemori.models.types import SpeechSegment, Utterance
from koemori.models.whisper import WhisperTranscriber
from koemori.server.archive.sealing import SealedRecording, seal
from koemori.server.archive.store import LocalRecordingStore
from koemori.server.calls.ports import Pace
from koemori.server.calls.session import CallSession, SessionLimits
from koemori.server.telemetry import Metrics
from koemori.server.wire import MaskingEvent
from numpy.typing import NDArray

from tests.fakes.calls import RATE_HZ, STARTED, FakeListener, FakeParts, ScriptedSource
from tests.fakes.sink import ListSink

pytestmark = pytest.mark.model

CALL = new_call_id(STARTED.started_at)
AGENT, CUSTOMER = (replace(channel, call_id=CALL) for channel in STARTED.channels)
ASKED_MS = 1_500
HEARD_MS = 6_000
"""The question's text comes when this much has been heard: the number is being read out already."""


@dataclass
class AskingListener(FakeListener):
    """Says once, and late, that the agent asked for a card."""

    asked: bool = False

    def push(self, channel: Channel, start_ms: int, samples: NDArray[np.float32]) -> None:
        self.heard[channel.index] = end_ms = start_ms + len(samples) // 16
        if not self.asked and end_ms >= HEARD_MS:
            self.asked = True
            self._undelivered.append(ASKED_MS)
            text = "それではカード番号をお願いいたします。"
            self._queue.put_nowait(Utterance(AGENT, "0-0", 0, ASKED_MS, text, (), "ja", "scripted"))


def spoken(corpus: Path) -> NDArray[np.int16]:
    """A customer who gives a name and then a number, at 8 kHz, shape `(n,)`, from a corpus call."""
    samples, rate = soundfile.read(corpus / "audio" / "c01.flac", dtype="int16")
    assert rate == RATE_HZ
    return np.ascontiguousarray(samples[int(20.6 * rate) : int(31 * rate), 1])


def whole_call(customer: NDArray[np.int16]) -> ScriptedSource:
    agent = np.zeros_like(customer)
    script: list[SourceEvent] = [replace(STARTED, call_id=CALL, channels=(AGENT, CUSTOMER))]
    for at in range(0, len(customer), 160):
        script += [
            AudioFrame(AGENT, at, RATE_HZ, agent[at : at + 160]),
            AudioFrame(CUSTOMER, at, RATE_HZ, customer[at : at + 160]),
        ]
    script.append(KeyPressed(CUSTOMER, len(customer) - 800, 400, RATE_HZ, "7", KeyCarrier.EVENT))
    script.append(CallEnded(CALL, len(customer) // 8, "completed"))
    return ScriptedSource([*script])


def digits_heard(whisper: WhisperTranscriber, samples: NDArray[np.int16]) -> str:
    wide = soxr.resample(samples.astype(np.float32) / 32_768, RATE_HZ, 16_000).astype(np.float32)
    segment = SpeechSegment(CUSTOMER, 0, len(wide) // 16, wide)
    [heard] = whisper.transcribe([TranscriptionRequest(segment, Purpose.FINAL)])
    return "".join(run.digits for run in digit_runs(heard.text))


def sealed_master(store: LocalRecordingStore) -> Path:
    [master] = store.root.rglob("master.flac")
    return master


async def test_a_number_read_out_after_the_question_is_not_heard_in_the_master(
    corpus: Path, tmp_path: Path
) -> None:
    customer = spoken(corpus)
    journal, store = Journal(tmp_path / "journal"), LocalRecordingStore(tmp_path)

    def sealed(started: CallStarted, head: Future[JournalHead]) -> SealedRecording:
        head.result(10)
        return seal(journal.call(started.call_id), store)

    parts = FakeParts(listener=AskingListener())
    ports = replace(parts.ports(), open_recorder=journal.open_call, seal=sealed, release=journal.release)
    sink = ListSink()
    session = CallSession(ports, sink, Metrics(), Pace.HELD, SessionLimits(queue_ms=200))
    ended = await session.run(whole_call(customer))
    journal.close()
    assert ended.recording is not None
    kept = soundfile.read(sealed_master(store), dtype="int16", always_2d=True)[0]
    assert np.array_equal(kept[: ASKED_MS * 8, 1], customer[: ASKED_MS * 8]), "what came before is whole"
    assert not kept[ASKED_MS * 8 :].any(), "what was heard before the question's text came is masked too"
    assert [event.masked for event in sink.events if isinstance(event, MaskingEvent)] == [True, False]
    whisper = WhisperTranscriber(ensure_model("base"))
    assert "2301" in digits_heard(whisper, customer), "the number was there to be heard"
    assert digits_heard(whisper, np.ascontiguousarray(kept[:, 1])) == ""
