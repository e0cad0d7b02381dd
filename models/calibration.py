"""`python -m koemori.models.calibration`: what one worker costs here, measured on speech for a few seconds.

Reads a `CalibrationOrder` as JSON from stdin and prints a `Calibration` as JSON. `measure_worker` starts it
in a process of its own, so that memory is that of one worker alone and a GPU library that does not fit ends
only that process. On a CPU it counts CPU time, which a machine that is busy otherwise hardly changes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from koemori.models.errors import ModelError, WorkerFailedError
from koemori.models.host import CpuFacts, read_cpu_facts

if TYPE_CHECKING:
    import numpy as np
    from koemori.models.ports import Transcriber
    from koemori.models.types import SpeechSegment
    from numpy.typing import NDArray

PARTIAL_STEP_MS: Final = 576
"""New speech between two partials when nothing is short."""
_SAMPLE_RATE_HZ: Final = 16_000
_TIMEOUT_S: Final = 300.0
_LONGEST_UTTERANCE_MS: Final = 12_000


@dataclass(frozen=True, slots=True)
class CalibrationOrder:
    """What to measure.

    Attributes:
        folder: The model's.
        audio: A file of telephone speech that soundfile reads; its channels are the sides of a call.
        device: `cpu` or `cuda`.
        device_index: Which GPU.
        compute_type: CTranslate2's weight type.
        language: Of the speech.
        utterances: How many of the file's to take.
        partials: Whether to measure partials as well.
        vocabulary: Words to listen for, as `Vocabulary.to_data` gives them; None compares none.
    """

    folder: str
    audio: str
    device: str = "cpu"
    device_index: int = 0
    compute_type: str = "int8"
    language: str = "ja"
    utterances: int = 4
    partials: bool = True
    vocabulary: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What it took.

    Attributes:
        model_id: Of the model that was loaded.
        speech_ms: Speech that was transcribed.
        final_ms: Work on finals, greedy with aligned word times: CPU time on a CPU, wall time on a GPU.
        best_final_ms: Work on the same finals with beam search, as long as nothing is short.
        partial_ms: Work on the partials of the same speech, one every `PARTIAL_STEP_MS`; 0 when not measured.
        partials: How many those were.
        resident_bytes: Memory of the process with the model loaded and used.
        load_ms: Time to load the model.
        cpu: What CTranslate2 chose for the processor.
    """

    model_id: str
    speech_ms: int
    final_ms: float
    best_final_ms: float
    partial_ms: float
    partials: int
    resident_bytes: int
    load_ms: float
    cpu: CpuFacts = field(default_factory=CpuFacts)

    @property
    def final_load(self) -> float:
        """Cores, or GPUs, that finals take per channel on which someone speaks without a pause."""
        return self.final_ms / self.speech_ms

    @property
    def best_final_load(self) -> float:
        """The same for finals with beam search."""
        return self.best_final_ms / self.speech_ms

    @property
    def partial_load(self) -> float:
        """The same for partials at their usual pace."""
        return self.partial_ms / self.speech_ms


def measure_worker(order: CalibrationOrder, timeout_s: float = _TIMEOUT_S) -> Calibration:
    """Measure in a process of its own.

    Raises:
        WorkerFailedError: The model cannot be loaded or run there; says why.
    """
    command = [sys.executable, "-P", "-m", "koemori.models.calibration"]
    environment = {**os.environ, "CT2_VERBOSE": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command,
            input=json.dumps(asdict(order)),
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise WorkerFailedError("a measurement", f"none in {timeout_s:.0f} s") from None
    return read_calibration(done.stdout, done.stderr, done.returncode)


def read_calibration(output: str, log: str, status: int) -> Calibration:
    """Make a calibration of what the process printed.

    Raises:
        WorkerFailedError: It printed none.
    """
    try:
        said = json.loads(output)
        if "failure" in said:
            raise WorkerFailedError("a model that can be run", str(said["failure"]))
        return replace(Calibration(**said), cpu=read_cpu_facts(log))
    except (ValueError, TypeError):
        lines = [line for line in log.splitlines() if line.strip() and "[ctranslate2]" not in line]
        came = lines[-1].strip() if lines else "no output"
        raise WorkerFailedError("a measurement", f"exit status {status}: {came}") from None


def main() -> int:
    """Measure what stdin orders."""
    order = CalibrationOrder(**json.loads(sys.stdin.read()))
    try:
        said: dict[str, Any] = asdict(calibrate(order))
        del said["cpu"]
    except ModelError as failure:
        cause = failure.__cause__
        said = {"failure": f"{failure} ({cause})" if cause else str(failure)}
    sys.stdout.write(json.dumps(said) + "\n")
    return 0


def calibrate(order: CalibrationOrder) -> Calibration:
    """Measure in this process.

    Raises:
        ModelError: The model cannot be loaded or run, or the vocabulary is none.
    """
    from koemori.models.vocabulary import vocabulary_from_data
    from koemori.models.whisper import WhisperConfig, WhisperTranscriber
    from koemori.models.worker import resident_bytes

    words = None if order.vocabulary is None else vocabulary_from_data(order.vocabulary)
    begun = time.monotonic()
    config = WhisperConfig(
        compute_type=order.compute_type, device=order.device, device_index=order.device_index
    )
    transcriber = WhisperTranscriber(Path(order.folder), config, words)
    load_ms = (time.monotonic() - begun) * 1000
    segments = speech_of(Path(order.audio), order.utterances)
    work = _Work(transcriber, order)
    work.finals(segments[:1], best=True)
    final_ms = work.finals(segments)
    best_final_ms = work.finals(segments, best=True)
    partial_ms, partials = work.partials(segments) if order.partials else (0.0, 0)
    return Calibration(
        model_id=transcriber.model_id,
        speech_ms=sum(segment.end_ms - segment.start_ms for segment in segments),
        final_ms=final_ms,
        best_final_ms=best_final_ms,
        partial_ms=partial_ms,
        partials=partials,
        resident_bytes=resident_bytes(),
        load_ms=load_ms,
    )


class _Work:
    """Asks a transcriber as the listener would, and counts what it takes."""

    def __init__(self, transcriber: Transcriber, order: CalibrationOrder) -> None:
        self._transcriber = transcriber
        self._language = order.language
        self._clock = time.monotonic if order.device == "cuda" else time.process_time

    def finals(self, segments: list[SpeechSegment], best: bool = False) -> float:
        """Milliseconds for one final per segment."""
        from koemori.models.ports import Effort, Purpose

        begun = self._clock()
        for segment in segments:
            self._ask(segment, Purpose.FINAL, Effort.FULL if best else Effort.FAST)
        return (self._clock() - begun) * 1000

    def partials(self, segments: list[SpeechSegment]) -> tuple[float, int]:
        """Milliseconds for the partials of growing segments, and how many they were."""
        from koemori.models.ports import Effort, Purpose

        begun, count = self._clock(), 0
        for segment in segments:
            for part in grown(segment):
                self._ask(part, Purpose.PARTIAL, Effort.FULL)
                count += 1
        return (self._clock() - begun) * 1000, count

    def _ask(self, segment: SpeechSegment, purpose: Any, effort: Any) -> None:
        from koemori.models.ports import TranscriptionRequest

        self._transcriber.transcribe(
            [TranscriptionRequest(segment, purpose, language=self._language)], effort
        )


def grown(segment: SpeechSegment) -> Iterator[SpeechSegment]:
    """The beginnings of a segment for which partials are asked while it grows."""
    length_ms = segment.end_ms - segment.start_ms
    for part_ms in range(PARTIAL_STEP_MS, length_ms, PARTIAL_STEP_MS):
        samples = segment.samples[: part_ms * _SAMPLE_RATE_HZ // 1000]
        yield replace(segment, end_ms=segment.start_ms + part_ms, samples=samples)


def speech_of(path: Path, utterances: int) -> list[SpeechSegment]:
    """The first utterances of a recording, both sides, as the energy of the signal parts them.

    Raises:
        WorkerFailedError: The file cannot be read or holds no speech.
    """
    import soundfile
    from koemori.audio.resample import ChannelResampler

    try:
        frames, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
    except (OSError, soundfile.SoundFileError) as failure:
        raise WorkerFailedError("a recording of speech", f"{path.name}: {type(failure).__name__}") from None
    segments: list[SpeechSegment] = []
    for index in range(frames.shape[1]):
        resampler = ChannelResampler(rate_hz)
        parts = [resampler.push(frames[:, index]), resampler.flush()]
        segments += _segments(index, parts[0], parts[1])
    segments.sort(key=lambda segment: segment.start_ms)
    if not segments:
        raise WorkerFailedError("a recording of speech", f"{path.name}: silence")
    return segments[:utterances]


def _segments(index: int, first: NDArray[np.float32], rest: NDArray[np.float32]) -> Iterator[SpeechSegment]:
    import numpy as np
    from koemori.audio.call import CallId, Channel, ChannelRole, LegId
    from koemori.models.types import SpeechSegment

    channel = Channel(CallId("calibration"), LegId("0"), index, ChannelRole.UNKNOWN, "calibration")
    samples = np.concatenate([first, rest])
    for start, end in spans_of_speech(samples):
        start_ms = start * 1000 // _SAMPLE_RATE_HZ
        length_ms = min((end - start) * 1000 // _SAMPLE_RATE_HZ, _LONGEST_UTTERANCE_MS)
        cut = samples[start : start + length_ms * _SAMPLE_RATE_HZ // 1000]
        yield SpeechSegment(channel, start_ms, start_ms + length_ms, cut)


def spans_of_speech(samples: NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """Stretches of sound of at least half a second, parted by half a second of quiet; in samples.

    Good for a clean recording that we ship; calls are parted by the voice detector.
    """
    import numpy as np

    block = _SAMPLE_RATE_HZ // 50
    blocks = samples[: len(samples) // block * block].reshape(-1, block)
    level = np.sqrt(np.mean(blocks.astype(np.float64) ** 2, axis=1))
    loud = np.flatnonzero(level > max(1e-3, 0.1 * float(np.percentile(level, 95)) if len(level) else 0.0))
    if not len(loud):
        return
    borders = np.flatnonzero(np.diff(loud) > 25) + 1
    for run in np.split(loud, borders):
        if run[-1] - run[0] >= 25:
            yield int(run[0]) * block, int(run[-1] + 1) * block


if __name__ == "__main__":
    sys.exit(main())
