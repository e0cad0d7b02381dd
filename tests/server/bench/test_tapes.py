"""Tapes keep audio and script together, however they are looped, turned and played."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from koemori.audio.call import CallEnded, CallStarted, ChannelRole
from koemori.audio.frames import AudioFrame
from koemori.server.bench.tapes import (
    Tape,
    TapeSource,
    Turn,
    find_calls,
    looped,
    read_tape,
    read_turns,
    turned,
)
from koemori.server.commands.exits import UnusableInputError

pytestmark = pytest.mark.unit

ROLES = (ChannelRole.AGENT, ChannelRole.CUSTOMER)
RATE_HZ = 8000


def tape(seconds: float = 2.0, *turns: Turn, roles: tuple[ChannelRole, ...] = ROLES) -> Tape:
    """Each sample is its own place, so that what is moved can be told."""
    count = int(seconds * RATE_HZ)
    samples = np.stack([np.arange(count) % 30_000 + side for side in range(len(roles))]).astype(np.int16)
    return Tape("call", RATE_HZ, samples, roles, turns)


FIRST, SECOND = Turn("agent", 100, 600, "はい"), Turn("customer", 700, 1500, "責任者を")


def test_a_script_beside_the_audio_is_read(tmp_path: Path) -> None:
    turns = {"turns": [{"speaker": "agent", "start": 0.4, "end": 8.59, "text": "はい"}]}
    (tmp_path / "c.json").write_text(json.dumps(turns), encoding="utf-8")
    assert read_turns(tmp_path / "c.flac") == [Turn("agent", 400, 8590, "はい")]
    assert read_turns(tmp_path / "d.flac") == []


@pytest.mark.parametrize("text", ["[]", "{", '{"turns": [{"speaker": "agent"}]}', '{"turns": 3}'])
def test_a_script_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text, encoding="utf-8")
    with pytest.raises(UnusableInputError, match=r'c\.json: expected "turns"'):
        read_turns(tmp_path / "c.flac")


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).integers(-9000, 9000, (70_000, 2)).astype(np.int16)
    soundfile.write(tmp_path / "c.wav", samples, RATE_HZ)
    read = read_tape(tmp_path / "c.wav")
    assert np.array_equal(read.samples, samples.T)
    assert (read.roles, read.turns, read.duration_ms) == (ROLES, (), 8750)


def test_calls_of_a_folder_are_found_in_order(tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    for name in ("b.flac", "a.wav", "a.json"):
        (tmp_path / "audio" / name).touch()
    assert [path.name for path in find_calls([tmp_path, Path("x.wav")])] == ["a.wav", "b.flac", "x.wav"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnusableInputError, match="empty: expected a folder with WAV or FLAC calls"):
        find_calls([tmp_path / "empty"])


def test_looping_repeats_audio_and_turns_and_drops_the_turn_that_is_cut() -> None:
    one = tape(2.0, FIRST, SECOND)
    long = looped([one], 5000)
    assert long.duration_ms == 5000
    assert np.array_equal(long.samples[:, 16_000:32_000], one.samples)
    assert [turn.start_ms for turn in long.turns] == [100, 700, 2100, 2700, 4100]
    assert not long.whole
    assert looped([one], 4000).whole


def test_calls_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(UnusableInputError, match="one sample rate and number of channels"):
        looped([tape(), tape(roles=(ChannelRole.CUSTOMER,))], 1000)


def test_a_turned_call_holds_the_same_audio_and_its_turns_at_their_new_places() -> None:
    begun = turned(tape(2.0, FIRST, SECOND), 650)
    assert begun.samples[0, 0] == 5200
    assert sorted(begun.samples[0]) == sorted(tape(2.0).samples[0])
    assert [(turn.speaker, turn.start_ms, turn.end_ms) for turn in begun.turns] == [
        ("customer", 50, 850),
        ("agent", 1450, 1950),
    ]
    assert begun.whole
    cut = turned(tape(2.0, FIRST, SECOND), 1000)
    assert [turn.speaker for turn in cut.turns] == ["agent"]
    assert not cut.whole


async def test_a_source_plays_every_sample_once_in_frames_of_20_ms() -> None:
    one = tape(0.05)
    events = [event async for event in TapeSource(one, None).events()]
    assert isinstance(events[0], CallStarted)
    assert isinstance(events[-1], CallEnded)
    assert events[-1].end_ms == 50
    frames = [event for event in events if isinstance(event, AudioFrame)]
    assert [(frame.channel.index, frame.start_sample) for frame in frames] == [
        (0, 0), (1, 0), (0, 160), (1, 160), (0, 320), (1, 320),
    ]  # fmt: skip
    for index in (0, 1):
        mine = [frame.samples for frame in frames if frame.channel.index == index]
        assert np.array_equal(np.concatenate(mine), one.samples[index])
