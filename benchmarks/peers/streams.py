"""What is played: one side of a corpus call as a phone line carries it, and a minute without any speech."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import cycle, islice, product
from pathlib import Path

import numpy as np
import soundfile
import soxr
from koemori.audio.codecs.g711 import decode_mulaw, encode_mulaw
from numpy.typing import NDArray

from benchmarks.peers.alignment import Turn
from benchmarks.peers.sounds import line_without_speech

AUDIO = Path(__file__).parents[1] / "corpus" / "audio"
LINE_HZ = 8000
RATE_HZ = 16_000
PACKET_MS = 100
SIDES = ("customer", "agent")
AFTER_LAST_WORD_S = 1.5
PHANTOM_S = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """One speaker's audio.

    Attributes:
        mulaw: The line's bytes, 8 kHz µ-law; a whole number of packets.
        turns: What is said in it; empty for a stream without speech.
    """

    name: str
    mulaw: bytes
    turns: tuple[Turn, ...]

    @property
    def seconds(self) -> float:
        return len(self.mulaw) / LINE_HZ

    @property
    def text(self) -> str:
        return "".join(turn.text for turn in self.turns)

    def samples(self) -> NDArray[np.float32]:
        """The line decoded and taken to 16 kHz: float32 in [-1, 1], shape `(2 * len(mulaw),)`."""
        line = decode_mulaw(self.mulaw).astype(np.float32) / 32_768
        return np.asarray(soxr.resample(line, LINE_HZ, RATE_HZ), dtype=np.float32)


def load_side(call: str, side: str, seconds: float) -> Stream:
    """One side of a call: the turns that end within `seconds`, and a second and a half after the last one."""
    samples, rate_hz = soundfile.read(AUDIO / f"{call}.flac", dtype="int16")
    truth = json.loads((AUDIO / f"{call}.json").read_text(encoding="utf-8"))
    if rate_hz != LINE_HZ:
        raise ValueError(f"{call}: expected {LINE_HZ} Hz, got {rate_hz}")
    own = [turn for turn in truth["turns"] if turn["speaker"] == side]
    turns = tuple(Turn(turn["start"], turn["end"], turn["text"]) for turn in own if turn["end"] <= seconds)
    if not turns:
        raise ValueError(f"{call} {side}: expected a turn that ends within {seconds} s, found none")
    following = min((turn["start"] for turn in own if turn["end"] > seconds), default=float("inf"))
    end_s = min(turns[-1].end_s + AFTER_LAST_WORD_S, following, len(samples) / LINE_HZ)
    column = truth["channels"].index(side)
    return Stream(f"{call}-{side}", _line(samples[: int(end_s * LINE_HZ), column]), turns)


def choose_streams(calls: tuple[str, ...], count: int, seconds: float) -> list[Stream]:
    """The first `count` sides: every call's customer, then every call's agent, then from the beginning."""
    sides = islice(cycle((call, side) for side, call in product(SIDES, calls)), count)
    return [load_side(call, side, seconds) for call, side in sides]


def phantom_stream(seconds: float = PHANTOM_S) -> Stream:
    """Silence, line noise, tones and hold music: nobody says a word."""
    sound = line_without_speech(seconds, LINE_HZ)
    return Stream("phantom", _line((np.clip(sound, -1, 1) * 32_767).astype(np.int16)), ())


def _line(samples: NDArray[np.int16]) -> bytes:
    packet = LINE_HZ * PACKET_MS // 1000
    padded = np.pad(samples, (0, -len(samples) % packet))
    return encode_mulaw(np.ascontiguousarray(padded))
