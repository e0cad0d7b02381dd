"""A file as a live call: its events, its pace, its end when the file breaks off."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from koemori.audio.call import CallEnded, CallStarted, ChannelRole
from koemori.audio.errors import AudioFileError
from koemori.audio.frames import AudioFrame, SourceEvent
from koemori.audio.ingest.replay import ReplaySource
from numpy.typing import NDArray

pytestmark = pytest.mark.unit


def noise(count: int, channels: int) -> NDArray[np.int16]:
    return np.random.default_rng(7).integers(-20_000, 20_000, (count, channels)).astype(np.int16)


@pytest.fixture
def stereo(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "s.wav", noise(1000, 2), 8000, subtype="PCM_16")
    return tmp_path / "s.wav"


async def taken(source: ReplaySource) -> list[SourceEvent]:
    return [event async for event in source.events()]


async def test_a_stereo_file_is_agent_and_customer(stereo: Path) -> None:
    source = ReplaySource(stereo)
    events = await taken(source)
    started, ended = events[0], events[-1]
    assert isinstance(started, CallStarted)
    assert [channel.role for channel in started.channels] == [ChannelRole.AGENT, ChannelRole.CUSTOMER]
    assert started.call_id == source.call_id
    assert ended == CallEnded(source.call_id, 125, "completed")
    frames = [event for event in events if isinstance(event, AudioFrame)]
    assert [(f.channel.index, f.start_sample, len(f.samples)) for f in frames[:3]] == [
        (0, 0, 160),
        (1, 0, 160),
        (0, 160, 160),
    ]
    for index in (0, 1):
        samples = np.concatenate([f.samples for f in frames if f.channel.index == index])
        assert np.array_equal(samples, noise(1000, 2)[:, index])
    assert not frames[0].samples.flags.writeable


async def test_the_agent_becomes_channel_0(stereo: Path) -> None:
    events = await taken(ReplaySource(stereo, (ChannelRole.CUSTOMER, ChannelRole.AGENT)))
    first = next(event for event in events if isinstance(event, AudioFrame))
    assert (first.channel.index, first.channel.role) == (0, ChannelRole.AGENT)
    assert np.array_equal(first.samples, noise(1000, 2)[:160, 1])


async def test_a_mono_file_is_one_unknown_channel(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "m.flac", noise(1000, 1), 16_000, subtype="PCM_16")
    started = (await taken(ReplaySource(tmp_path / "m.flac")))[0]
    assert isinstance(started, CallStarted)
    assert [channel.role for channel in started.channels] == [ChannelRole.UNKNOWN]


def test_roles_must_fit_the_channels(stereo: Path) -> None:
    with pytest.raises(AudioFileError, match="expected 1 channels for the roles given; got 2"):
        ReplaySource(stereo, (ChannelRole.UNKNOWN,))


@pytest.mark.parametrize("speed", [0.0, -1.0, float("inf"), float("nan")])
def test_a_speed_must_be_positive(stereo: Path, speed: float) -> None:
    with pytest.raises(ValueError, match="speed above 0"):
        ReplaySource(stereo, speed=speed)


async def test_frames_keep_an_absolute_schedule(stereo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(asyncio, "sleep", sleep)
    source = ReplaySource(stereo, speed=2.0)
    due: list[float] = []
    async for event in source.events():
        if isinstance(event, AudioFrame) and event.channel.index == 0:
            due.append(clock[0] - 100.0)
            clock[0] += 0.002  # a consumer that takes its time
    assert source.started_monotonic == 100.0
    assert due == pytest.approx([0.01 * n for n in range(1, 7)] + [0.0625])
    assert min(waits) >= 0


async def test_a_file_that_breaks_off_ends_the_call_with_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    soundfile.write(path, noise(100_000, 2), 8000, subtype="PCM_16", format="FLAC")
    path.write_bytes(path.read_bytes()[:200_000])
    source = ReplaySource(path)
    events = await taken(source)
    ended = events[-1]
    assert isinstance(ended, CallEnded)
    assert ended.reason == "error:audio-file"
    assert source.error is not None
    kept = sum(len(e.samples) for e in events if isinstance(e, AudioFrame) and e.channel.index == 0)
    assert ended.end_ms == kept // 8
    assert kept > 0
