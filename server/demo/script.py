"""The scripted calls that ship with the package: synthetic voices, fictional persons and numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from koemori.audio.codecs.g711 import decode_mulaw, encode_mulaw
from koemori.audio.frames import samples_to_ms
from numpy.typing import NDArray

CALLS_DIRECTORY = Path(__file__).with_name("calls")
PLAYLIST = ("c01", "c09", "c21")
RATE_HZ = 8000


@dataclass(frozen=True, slots=True, eq=False)
class ScriptedCall:
    """One call as a phone system would carry it.

    Attributes:
        name: Its file's name.
        title: What happens in it, for the terminal.
        queue: The queue it waits in.
        customer_number: Who calls.
        wait_s: How long the caller has waited when the agent answers.
        mulaw: µ-law bytes, agent then customer, uint8, shape `(2, n)`.
    """

    name: str
    title: str
    queue: str
    customer_number: str
    wait_s: int
    mulaw: NDArray[np.uint8]

    @property
    def samples(self) -> NDArray[np.int16]:
        """What the wire says once decoded: agent then customer, int16, shape `(2, n)`."""
        return np.stack([decode_mulaw(row.tobytes()) for row in self.mulaw])

    @property
    def duration_ms(self) -> int:
        """Length of the call."""
        return samples_to_ms(self.mulaw.shape[1], RATE_HZ)


def load_script(name: str, directory: Path = CALLS_DIRECTORY) -> ScriptedCall:
    """Read one scripted call: 8 kHz stereo FLAC (agent left, customer right) and its card."""
    card = json.loads((directory / f"{name}.json").read_text(encoding="utf-8"))
    samples, rate_hz = soundfile.read(str(directory / f"{name}.flac"), dtype="int16")
    if rate_hz != RATE_HZ or samples.ndim != 2 or samples.shape[1] != 2:
        raise ValueError(f"{name}: expected {RATE_HZ} Hz stereo")
    rows = [encode_mulaw(np.ascontiguousarray(samples[:, column])) for column in (0, 1)]
    return ScriptedCall(
        name=name,
        title=card["title"]["ja"],
        queue=card["queue"],
        customer_number=card["customer_number"],
        wait_s=card["wait_s"],
        mulaw=np.stack([np.frombuffer(row, dtype=np.uint8) for row in rows]),
    )
