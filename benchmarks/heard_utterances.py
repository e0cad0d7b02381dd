"""What the recogniser makes of labelled utterances: spoken by a synthetic voice, over a telephone line.

    python -m benchmarks.heard_utterances benchmarks/corpus/authored/utterances.a.jsonl \
        --out benchmarks/corpus/authored/heard.a.jsonl

Open JTalk (voice mei_normal, CC BY 3.0, in the wheel pyopenjtalk-plus, installed on demand into var/voices)
speaks each row at its own pitch and pace; the speech is cut to 300-3400 Hz at 8 kHz, passed through µ-law
with noise of 18-32 dB below it, and recognised as a final by the weights that the service uses. A row whose
text came out otherwise is written with its label, tag `asr_like` and provenance `recognised`: mishearings
as they are, not as somebody imagines them. Everything random follows from the row's id; rows that the output
holds are not done again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import soxr
from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.audio.codecs import g711
from koemori.models.catalog import ModelSources, ensure_model
from koemori.models.ports import Purpose, TranscriptionRequest
from koemori.models.text import normalize
from koemori.models.trim import trimmed_folder
from koemori.models.types import SpeechSegment
from koemori.models.vocabulary import builtin_vocabulary
from koemori.models.whisper import WhisperTranscriber
from numpy.typing import NDArray

VOICES = Path(__file__).parents[1] / "var" / "voices"
VOICE: Final = "pyopenjtalk-plus==0.4.1.post10"
LINE_HZ: Final = 8_000
MODEL_HZ: Final = 16_000
_EDGE_S: Final = 0.25
_BAND_HZ: Final = (300.0, 3_400.0)

SPEAK: Final = """
import json, os, sys
out = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # the package prints advice on standard output
import numpy as np, pyopenjtalk
for line in sys.stdin:
    row = json.loads(line)
    wave, rate_hz = pyopenjtalk.tts(row["text"], speed=row["speed"], half_tone=row["half_tone"])
    data = np.asarray(wave, dtype="<f4").tobytes()
    out.write(json.dumps([rate_hz, len(data)]).encode() + b"\\n" + data)
    out.flush()
"""


class Speaker:
    """The voice, in a process of its own: its packages are none of ours."""

    def __init__(self) -> None:
        python = VOICES / "bin" / "python"
        mark = VOICES / "installed"
        if not mark.exists() or mark.read_text(encoding="utf-8") != VOICE:
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(VOICES)], check=True)
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", VOICE], check=True)
            mark.write_text(VOICE, encoding="utf-8")
        self._process = subprocess.Popen(
            [str(python), "-c", SPEAK],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def say(self, text: str, speed: float, half_tone: float) -> tuple[NDArray[np.float32], int]:
        """Speech in [-1, 1] and its rate."""
        given, got = self._process.stdin, self._process.stdout
        assert given is not None
        assert got is not None
        given.write(json.dumps({"text": text, "speed": speed, "half_tone": half_tone}).encode() + b"\n")
        given.flush()
        rate_hz, size_bytes = json.loads(got.readline())
        wave = np.frombuffer(got.read(size_bytes), dtype="<f4")
        return wave / np.float32(max(1.0, np.abs(wave).max())), int(rate_hz)

    def close(self) -> None:
        """End the voice's process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


def over_the_line(
    wave: NDArray[np.float32], rate_hz: int, chance: np.random.Generator
) -> NDArray[np.float32]:
    """The speech as the far end hears it, at 16 kHz for the model."""
    line = soxr.resample(wave, rate_hz, LINE_HZ)
    edge = np.zeros(round(_EDGE_S * LINE_HZ), dtype=np.float32)
    line = np.concatenate([edge, line, edge]).astype(np.float32)
    spectrum = np.fft.rfft(line)
    frequency_hz = np.fft.rfftfreq(line.size, 1 / LINE_HZ)
    spectrum[(frequency_hz < _BAND_HZ[0]) | (frequency_hz > _BAND_HZ[1])] = 0
    line = np.fft.irfft(spectrum, line.size).astype(np.float32)
    level = float(np.sqrt(np.mean(line**2))) or 1e-4
    noise = chance.standard_normal(line.size).astype(np.float32)
    line = 0.1 / level * (line + noise * level * 10 ** (-chance.uniform(18, 32) / 20))
    pcm = np.clip(line * 32_768, -32_768, 32_767).astype(np.int16)
    coded = g711.decode_mulaw(g711.encode_mulaw(pcm))
    return np.asarray(soxr.resample(coded.astype(np.float32) / 32_768, LINE_HZ, MODEL_HZ), dtype=np.float32)


def recogniser() -> WhisperTranscriber:
    """The weights as the service has them by default."""
    sources = ModelSources.from_environment()
    folder = trimmed_folder(ensure_model("base", sources), sources.cache_dir, lambda *_: None)
    return WhisperTranscriber(folder, vocabulary=builtin_vocabulary())


def heard(rows: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    """Each row with what the recogniser wrote."""
    whisper, voice = recogniser(), Speaker()
    try:
        for row in rows:
            chance = np.random.default_rng(zlib.crc32(row["id"].encode()))
            wave, rate_hz = voice.say(row["text"], chance.uniform(0.85, 1.15), chance.uniform(-4, 2))
            samples = over_the_line(wave, rate_hz, chance)
            channel = Channel(CallId(row["id"]), LegId("0"), 0, ChannelRole(row["speaker"]), "bench")
            segment = SpeechSegment(channel, 0, samples.size * 1000 // MODEL_HZ, samples)
            [found] = whisper.transcribe([TranscriptionRequest(segment, Purpose.FINAL)])
            yield row, found.text
    finally:
        voice.close()


def variant(row: dict[str, Any], text: str) -> dict[str, Any]:
    """A row of the corpus with what was heard; its label is that of what was said."""
    tags = [*row["tags"], *([] if "asr_like" in row["tags"] else ["asr_like"])]
    return {**row, "id": f"{row['id']}h", "text": text, "tags": tags, "provenance": "recognised"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    done = {json.loads(line)["id"] for line in _lines(options.out)}
    rows = [json.loads(line) for line in _lines(options.rows)]
    todo = [row for row in rows if f"{row['id']}h" not in done and row["provenance"] == "authored"]
    with options.out.open("a", encoding="utf-8") as out:
        for row, text in heard(todo):
            if text and normalize(text) != normalize(row["text"]):
                out.write(json.dumps(variant(row, text), ensure_ascii=False) + "\n")
                out.flush()


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


if __name__ == "__main__":
    main()
