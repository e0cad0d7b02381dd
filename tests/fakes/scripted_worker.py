"""A worker process without weights: the real loop and pipes around a recogniser that obeys its prompt.

Run as a program by a `ProcessWorkerPool`; `COMMAND` is its command line. The folder's name says how it
starts, a request's prompt what happens: `die`, `hang`, `fail`, `raise:<words>`, `print:<words>`,
`sleep:<ms>`; anything else is said.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from koemori.models.errors import TranscriptionError
from koemori.models.ports import Effort, TranscriptionRequest
from koemori.models.types import Hypothesis, Word, WorkTime
from koemori.models.worker import serve
from koemori.models.worker_protocol import LoadModel

COMMAND = (sys.executable, "-P", str(Path(__file__).resolve()))


class ObedientTranscriber:
    """Says `<prompt>/<start_ms>/<sum of the samples>`; the word's `heard` is `<effort>/<batch size>`."""

    def __init__(self, load: LoadModel) -> None:
        self.model_id = f"scripted-{load.config['compute_type']}-{load.config['device_index']}@0"

    def transcribe(
        self, batch: Sequence[TranscriptionRequest], effort: Effort = Effort.FULL
    ) -> list[Hypothesis]:
        return [self._say(request, effort, len(batch)) for request in batch]

    def _say(self, request: TranscriptionRequest, effort: Effort, size: int) -> Hypothesis:
        match request.prompt.split(":"):
            case ["die"]:
                os._exit(9)
            case ["hang"]:
                time.sleep(600)
            case ["fail"]:
                raise TranscriptionError("expected words; the script says no")
            case ["raise", words]:
                raise LookupError(f"{words} must not be passed on")
            case ["print", words]:
                sys.stdout.write(f"{words} on standard output\n")
                sys.stdout.flush()
            case ["sleep", pause_ms]:
                time.sleep(int(pause_ms) / 1000)
        segment = request.segment
        text = f"{request.prompt}/{segment.start_ms}/{segment.samples.sum():g}"
        return Hypothesis(
            words=(Word(text, segment.start_ms, segment.end_ms, 0.5, heard=f"{effort}/{size}"),),
            text=text,
            language=request.language,
            audio_end_ms=segment.end_ms,
            model_id=self.model_id,
            no_speech_probability=0.1,
            mean_log_probability=-0.1,
            compression_ratio=1.0,
            work=WorkTime(encode_ms=1, decode_ms=2),
        )


def start(load: LoadModel) -> ObedientTranscriber:
    """Start as the folder's name says."""
    match Path(load.folder).name:
        case "no-model":
            raise TranscriptionError("model folder: expected a model; loading it failed")
        case "bug":
            raise LookupError("a bug")
        case "exit":
            sys.stderr.write("libsomething.so: cannot open shared object file\n")
            sys.stderr.flush()
            os._exit(3)
        case "slow":
            time.sleep(600)
        case "once" if not (mark := Path(load.folder, "started")).exists():
            mark.touch()
        case "once":
            raise TranscriptionError("model folder: expected a model; it is gone")
    return ObedientTranscriber(load)


if __name__ == "__main__":
    sys.exit(serve(start))
