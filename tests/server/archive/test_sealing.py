"""Sealing: the master is the journal in order, the ledger adds up, and the journal goes only afterwards."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from koemori.audio.call import CallStarted
from koemori.audio.frames import AudioFrame, Gap, GapCause
from koemori.audio.journal import Journal, read_calls
from koemori.server.archive import sealing
from koemori.server.archive.errors import SealError
from koemori.server.archive.flac import decode_pcm, peaks
from koemori.server.archive.ledger import CAUSES, channel_ledger
from koemori.server.archive.manifest import MANIFEST_NAME, MASTER_NAME, DecodeError, verify_recording
from koemori.server.archive.sealing import SealedRecording, ledger_of, seal_call
from koemori.server.archive.store import LocalRecordingStore
from numpy.typing import NDArray

from tests.fakes.recorded import FRAME, RATE_HZ, ended, frame, gap, new_call, samples_of, steps

pytestmark = pytest.mark.unit

Events = list[AudioFrame | Gap]


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[tuple[Journal, LocalRecordingStore]]:
    journal = Journal(tmp_path / "journal")
    yield journal, LocalRecordingStore(tmp_path)
    journal.close()


def sealed(
    archive: tuple[Journal, LocalRecordingStore],
    events: Callable[[CallStarted], Events],
    end_ms: int = 0,
    channels: int = 2,
) -> SealedRecording:
    journal, store = archive
    call = new_call(channels)
    recorder = journal.open_call(call)
    for event in events(call):
        recorder.push(event)
    recorder.close(ended(call.call_id, end_ms)).result(10)
    return seal_call(journal, call.call_id, store)


def master(recording: SealedRecording) -> NDArray[np.int16]:
    samples, rate = soundfile.read(recording.directory / MASTER_NAME, dtype="int16", always_2d=True)
    assert rate == recording.sample_rate_hz
    return np.asarray(samples)


def causes(recording: SealedRecording, index: int) -> dict[str, int]:
    """Samples per cause, without the causes that took none."""
    return {cause: n for cause, n in recording.ledger.channels[index].samples.items() if n}


def body_of(recording: SealedRecording) -> dict[str, object]:
    body: dict[str, object] = json.loads((recording.directory / MANIFEST_NAME).read_text())["body"]
    return body


def test_the_master_is_the_input_sample_by_sample(archive: tuple[Journal, LocalRecordingStore]) -> None:
    recording = sealed(archive, lambda call: steps(call, 0, 100), 2000)
    samples = master(recording)
    for index in (0, 1):
        assert np.array_equal(samples[:, index], samples_of(index, 0, 100 * FRAME))
        assert causes(recording, index) == {"captured": 16_000}
    assert (recording.sample_count, recording.duration_ms) == (16_000, 2000)
    assert verify_recording(
        recording.directory, decode=decode_pcm, expected_manifest_sha256=recording.manifest_sha256
    ).ok
    assert recording.ledger.as_json()["channels"][0] == {
        "index": 0,
        "role": "agent",
        "duration_ms": 2000,
        "captured_ms": 2000,
        **{f"{cause}_ms": 0 for cause in CAUSES if cause != "captured"},
    }


def test_a_mono_call_has_a_mono_master(archive: tuple[Journal, LocalRecordingStore]) -> None:
    assert master(sealed(archive, lambda call: steps(call, 0, 5), channels=1)).shape == (800, 1)


def test_a_call_without_a_sample_is_sealed_too(archive: tuple[Journal, LocalRecordingStore]) -> None:
    recording = sealed(archive, lambda _: [])
    assert (recording.sample_count, recording.duration_ms) == (0, 0)
    assert verify_recording(recording.directory, decode=decode_pcm).ok
    assert peaks(recording.directory / MASTER_NAME, 10) == [[], []]


def test_late_frames_go_where_they_belong(archive: tuple[Journal, LocalRecordingStore]) -> None:
    recording = sealed(
        archive,
        lambda call: [
            frame(call, 0, 0),
            gap(call, 0, 160, 320),
            frame(call, 0, 480),
            frame(call, 0, 320, late=True),
            frame(call, 1, 0, 640),
        ],
    )
    expected = samples_of(0, 0, 640).copy()
    expected[160:320] = 0
    assert np.array_equal(master(recording)[:, 0], expected)
    assert causes(recording, 0) == {"captured": 320, "late": 160, "lost": 160}
    assert body_of(recording)["gaps"] == [
        {"channel": 0, "start_sample": 160, "sample_count": 160, "cause": "lost"}
    ]


def test_overlapping_frames_keep_each_sample_once(archive: tuple[Journal, LocalRecordingStore]) -> None:
    recording = sealed(
        archive,
        lambda call: [frame(call, 0, 0, 300), frame(call, 0, 100, 100), frame(call, 0, 200, 300)],
        channels=1,
    )
    assert np.array_equal(master(recording)[:, 0], samples_of(0, 0, 500))
    assert causes(recording, 0) == {"captured": 500}


def test_each_declared_cause_is_accounted_for(archive: tuple[Journal, LocalRecordingStore]) -> None:
    recording = sealed(
        archive,
        lambda call: [
            gap(call, 0, 0, 100, GapCause.CLOCK),
            frame(call, 0, 100, 100),
            gap(call, 0, 200, 100, GapCause.PAUSED),
            gap(call, 0, 300, 100, GapCause.MASKED),
            gap(call, 0, 400, 100, GapCause.LATE),
            frame(call, 0, 600, 100),
        ],
        channels=1,
    )
    assert causes(recording, 0) == {"captured": 200, "clock": 100, "paused": 100, "masked": 100, "lost": 200}


def test_the_shorter_channel_is_padded(archive: tuple[Journal, LocalRecordingStore]) -> None:
    recording = sealed(archive, lambda call: [frame(call, 0, 0, 800), frame(call, 1, 0, 300)])
    assert master(recording).shape == (800, 2)
    assert causes(recording, 1) == {"captured": 300, "lost": 500}


def test_the_manifest_tells_the_call_but_no_person(archive: tuple[Journal, LocalRecordingStore]) -> None:
    recording = sealed(archive, lambda call: steps(call, 0, 5), 100)
    text = (recording.directory / MANIFEST_NAME).read_text()
    body = json.loads(text)["body"]
    assert body["recording_id"] == recording.recording_id
    assert body["call_id"] == recording.call_id
    assert body["started_at"] == "2026-11-22T01:02:03+00:00"
    assert body["journal"]["record_count"] == 13
    assert len(body["journal"]["chain"]) == 64
    assert [channel["role"] for channel in body["audio"]["channels"]] == ["agent", "customer"]
    assert json.loads(text)["signatures"] == []
    for private in ("suzuki", "+8130", "CA1", "support"):
        assert private not in text


def test_files_are_read_only(archive: tuple[Journal, LocalRecordingStore]) -> None:
    recording = sealed(archive, lambda call: steps(call, 0, 5))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in recording.directory.iterdir()}
    assert modes == {MASTER_NAME: 0o400, MANIFEST_NAME: 0o400}


def test_the_journal_is_released_only_after_the_recording_is_noted(
    archive: tuple[Journal, LocalRecordingStore], tmp_path: Path
) -> None:
    journal, store = archive
    call = new_call()
    recorder = journal.open_call(call)
    recorder.push(frame(call, 0, 0))
    recorder.close(ended(call.call_id, 20)).result(10)

    def fail(recording: SealedRecording) -> None:
        raise RuntimeError("no database")

    with pytest.raises(RuntimeError, match="no database"):
        seal_call(journal, call.call_id, store, fail)
    assert [found.call_id for found in read_calls(tmp_path / "journal")] == [call.call_id]
    again = seal_call(journal, call.call_id, store)
    assert again.recording_id == recorder.recording_id
    assert again.ledger == ledger_of(json.loads((again.directory / MANIFEST_NAME).read_text())["body"])
    journal.close()
    assert read_calls(tmp_path / "journal") == []


def test_a_damaged_earlier_recording_is_not_taken_for_the_call(
    archive: tuple[Journal, LocalRecordingStore],
) -> None:
    journal, store = archive
    call = new_call()
    recorder = journal.open_call(call)
    recorder.close(ended(call.call_id, 0)).result(10)
    first = sealing.seal(journal.call(call.call_id), store)
    path = first.directory / MASTER_NAME
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(SealError, match=r"of master\.flac differs"):
        seal_call(journal, call.call_id, store)


def test_a_master_that_decodes_to_something_else_is_not_stored(
    archive: tuple[Journal, LocalRecordingStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "pcm_sha256", lambda _: "0" * 64)
    with pytest.raises(SealError, match="decode to"):
        sealed(archive, lambda call: steps(call, 0, 5))
    assert list(archive[1].list_recordings()) == []


def test_an_open_call_is_not_sealed(archive: tuple[Journal, LocalRecordingStore]) -> None:
    journal, store = archive
    call = new_call()
    journal.open_call(call)
    with pytest.raises(SealError, match="expected a closed call"):
        seal_call(journal, call.call_id, store)


def test_peaks_show_the_loudest_of_each_stretch(archive: tuple[Journal, LocalRecordingStore]) -> None:
    recording = sealed(archive, lambda call: steps(call, 0, 10), channels=1)
    path = recording.directory / MASTER_NAME
    ((low, high), *_) = peaks(path, 2)[0]
    assert (low, high) == (int(samples_of(0, 0, 800).min()), int(samples_of(0, 0, 800).max()))
    assert len(peaks(path, 5000)[0]) == 1600
    with pytest.raises(DecodeError):
        peaks(recording.directory / MANIFEST_NAME, 3)


@given(
    st.dictionaries(st.sampled_from(CAUSES), st.integers(0, 10**9), max_size=7),
    st.sampled_from([8000, 11_025, 16_000, 44_100, 48_000]),
)
def test_ledgers_add_up_in_samples_and_milliseconds(samples: dict[str, int], rate: int) -> None:
    ledger = channel_ledger(0, "agent", samples, rate)
    assert sum(ledger.samples.values()) == ledger.duration_samples
    assert sum(ledger.ms.values()) == ledger.duration_ms == ledger.duration_samples * 1000 // rate
    for cause in CAUSES:
        assert abs(ledger.ms[cause] - samples.get(cause, 0) * 1000 / rate) < 1


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_mixture_of_frames_and_gaps_adds_up_and_keeps_every_sample(
    archive: tuple[Journal, LocalRecordingStore], data: st.DataObject
) -> None:
    spans = data.draw(
        st.lists(
            st.tuples(
                st.integers(0, 1),
                st.integers(0, 3000),
                st.integers(1, 600),
                st.sampled_from(["audio", "late", *(c for c in GapCause if c is not GapCause.NOT_ASSISTED)]),
            ),
            min_size=1,
            max_size=25,
        )
    )

    def events(call: CallStarted) -> Events:
        return [
            frame(call, index, start, count, late=kind == "late")
            if kind in ("audio", "late")
            else gap(call, index, start, count, GapCause(kind))
            for index, start, count, kind in spans
        ]

    recording = sealed(archive, events)
    expected = np.zeros((max([0, *(start + count for _, start, count, _ in spans)]), 2), dtype=np.int16)
    there = np.zeros(expected.shape, dtype=np.bool_)
    for index, start, count, kind in spans:
        if kind in ("audio", "late"):
            expected[start : start + count, index] = samples_of(index, start, count)
            there[start : start + count, index] = True
    assert np.array_equal(master(recording), expected)
    for index, channel in enumerate(recording.ledger.channels):
        assert channel.duration_samples == recording.sample_count == len(expected)
        assert channel.samples["captured"] + channel.samples["late"] == int(there[:, index].sum())
    assert verify_recording(recording.directory, decode=decode_pcm).ok
    assert recording.sample_rate_hz == RATE_HZ
