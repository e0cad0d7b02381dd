"""Calls in memory for measuring: decoded once, looped, turned and played to as many sessions as wanted.

A tape is a file's samples with the turns of the script beside it (`<name>.json` with `turns` of speaker,
start, end in seconds, and text). Playing one costs a slice per frame, so that what is measured is the
pipeline and not the reading of files.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from koemori.audio.call import CallEnded, CallStarted, Channel, ChannelRole, LegId
from koemori.audio.files import probe, read_blocks
from koemori.audio.frames import AudioFrame, SourceEvent, ms_to_samples, samples_to_ms
from koemori.audio.ids import new_call_id
from koemori.server.commands.exits import UnusableInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRAME_MS = 20
_SUFFIXES = (".flac", ".wav")
_BLOCK_SAMPLES = 65_536
_ROLES = {1: (ChannelRole.UNKNOWN,), 2: (ChannelRole.AGENT, ChannelRole.CUSTOMER)}


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a script, in milliseconds."""

    speaker: str
    start_ms: int
    end_ms: int
    text: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Tape:
    """A call's audio and what is said in it.

    Attributes:
        samples: int16, shape `(channels, n)`, read-only.
        roles: One per channel.
        turns: In order of their start; empty when nothing is known of what is said.
        whole: False when a cut went through a turn, so that `turns` does not hold all that is said.
    """

    name: str
    rate_hz: int
    samples: NDArray[np.int16]
    roles: tuple[ChannelRole, ...]
    turns: tuple[Turn, ...] = ()
    whole: bool = True

    @property
    def duration_ms(self) -> int:
        """Length, rounded down."""
        return samples_to_ms(self.samples.shape[1], self.rate_hz)

    @property
    def digest(self) -> str:
        """SHA-256 of the samples as a recording holds them: interleaved, 16 bits, low byte first."""
        return hashlib.sha256(self.samples.T.astype("<i2").tobytes()).hexdigest()

    def text(self, speaker: str) -> str:
        """All that one side says."""
        return "".join(turn.text for turn in self.turns if turn.speaker == speaker)


def find_calls(places: Sequence[Path]) -> list[Path]:
    """Audio files among `places`; of a folder, those in it or in its folder `audio`.

    Raises:
        UnusableInputError: A folder without audio.
    """
    found: list[Path] = []
    for place in places:
        if not place.is_dir():
            found.append(place)
            continue
        folder = place / "audio" if (place / "audio").is_dir() else place
        inside = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
        if not inside:
            raise UnusableInputError(place.name, "a folder with WAV or FLAC calls", "a folder without")
        found += inside
    return found


def read_tape(path: Path) -> Tape:
    """Decode a file and read the script beside it.

    Raises:
        AudioFileError: The file cannot be played as a call.
        UnusableInputError: The script beside it does not fit.
    """
    info = probe(path)
    blocks = list(read_blocks(path, _BLOCK_SAMPLES))
    samples = np.ascontiguousarray(np.concatenate(blocks).T)
    samples.setflags(write=False)
    return Tape(path.name, info.sample_rate_hz, samples, _ROLES[info.channels], tuple(read_turns(path)))


def read_turns(audio: Path) -> list[Turn]:
    """The script beside an audio file; empty when there is none.

    Raises:
        UnusableInputError: A script without the turns it should hold.
    """
    path = audio.with_suffix(".json")
    if not path.is_file():
        return []
    try:
        rows = json.loads(path.read_text(encoding="utf-8")).get("turns", [])
        return [
            Turn(
                row["speaker"],
                round(row["start"] * 1000),
                round(row["end"] * 1000),
                str(row.get("text", "")),
            )
            for row in rows
        ]
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        raise UnusableInputError(
            path.name, '"turns" with speaker, start and end in seconds', "something else"
        ) from None


def looped(tapes: Sequence[Tape], length_ms: int) -> Tape:
    """One call of this length: the tapes one after the other, from the first again when they are over.

    Raises:
        UnusableInputError: Tapes of different rates or numbers of channels, which no call can hold.
    """
    first = tapes[0]
    if any((tape.rate_hz, tape.roles) != (first.rate_hz, first.roles) for tape in tapes):
        raise UnusableInputError(
            "calls to be joined", "one sample rate and number of channels", "different ones"
        )
    wanted = ms_to_samples(length_ms, first.rate_hz)
    pieces: list[NDArray[np.int16]] = []
    turns: list[Turn] = []
    have = count = 0
    while have < wanted:
        tape = tapes[count % len(tapes)]
        turns += _shifted(tape.turns, samples_to_ms(have, first.rate_hz))
        pieces.append(tape.samples[:, : wanted - have])
        have += pieces[-1].shape[1]
        count += 1
    samples = np.concatenate(pieces, axis=1)
    samples.setflags(write=False)
    inside = tuple(turn for turn in turns if turn.end_ms <= length_ms)
    cut = any(turn.start_ms < length_ms < turn.end_ms for turn in turns)
    return Tape(
        f"{len(tapes)} calls looped" if len(tapes) > 1 else f"{first.name} looped",
        first.rate_hz,
        samples,
        first.roles,
        inside,
        not cut and all(tape.whole for tape in tapes),
    )


def turned(tape: Tape, start_ms: int) -> Tape:
    """The same call begun at another place: what comes before it is played at the end."""
    start = ms_to_samples(start_ms, tape.rate_hz) % max(1, tape.samples.shape[1])
    samples = np.roll(tape.samples, -start, axis=1)
    samples.setflags(write=False)
    later = [turn for turn in tape.turns if turn.start_ms >= start_ms]
    earlier = [turn for turn in tape.turns if turn.end_ms <= start_ms]
    turns = _shifted(later, -start_ms) + _shifted(earlier, tape.duration_ms - start_ms)
    return replace(
        tape,
        samples=samples,
        turns=tuple(turns),
        whole=tape.whole and len(turns) == len(tape.turns),
    )


def _shifted(turns: Sequence[Turn], by_ms: int) -> list[Turn]:
    return [replace(turn, start_ms=turn.start_ms + by_ms, end_ms=turn.end_ms + by_ms) for turn in turns]


class TapeSource:
    """Plays a tape as a call; `events` may be taken once.

    Attributes:
        call_id: The call's id, fixed from the start.
        began_s: `time.monotonic()` at which sample 0 was due; None before the first event.

    Args:
        tape: What is played.
        speed: 1 paces like a phone line, N is N times as fast, None does not wait at all.
    """

    def __init__(self, tape: Tape, speed: float | None) -> None:
        self.call_id = new_call_id()
        self.began_s: float | None = None
        self._tape = tape
        self._speed = speed

    async def events(self) -> AsyncIterator[SourceEvent]:
        """Yield the call: started, frames in order (channel 0 first at each step), ended."""
        tape = self._tape
        channels = tuple(
            Channel(self.call_id, LegId(f"side-{index}"), index, role, "bench")
            for index, role in enumerate(tape.roles)
        )
        self.began_s = time.monotonic()
        yield CallStarted(self.call_id, datetime.now(UTC), tape.rate_hz, channels)
        step = ms_to_samples(FRAME_MS, tape.rate_hz)
        count = tape.samples.shape[1]
        for start in range(0, count, step):
            end = min(start + step, count)
            await self._wait_for(self.began_s, end / tape.rate_hz)
            for channel, samples in zip(channels, tape.samples, strict=True):
                yield AudioFrame(channel, start, tape.rate_hz, samples[start:end])
        yield CallEnded(self.call_id, tape.duration_ms, "completed")

    async def _wait_for(self, began_s: float, end_s: float) -> None:
        due_s = 0.0 if self._speed is None else began_s + end_s / self._speed - time.monotonic()
        await asyncio.sleep(max(0.0, due_s))
