"""What the workers of a pool load, and how long they may take."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from koemori.models.vocabulary import Vocabulary
from koemori.models.whisper import WhisperConfig
from koemori.models.worker_protocol import MOST_BATCH, LoadModel


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What each worker of a pool loads, and how much it takes at once.

    Attributes:
        folder: A CTranslate2 Whisper folder, as `ensure_model` returns it.
        config: How windows are cut and decoded, and on which device.
        device_indices: GPUs; the workers are dealt out over them in turn. Ignored on CPU.
        batch_size: Windows that a worker takes at once.
        batch_wait_ms: How long an idle worker waits for a batch to fill.
        vocabulary: Words to listen for in Japanese finals; None compares none.
    """

    folder: Path
    config: WhisperConfig = field(default_factory=WhisperConfig)
    device_indices: tuple[int, ...] = (0,)
    batch_size: int = 1
    batch_wait_ms: int = 0
    vocabulary: Vocabulary | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= MOST_BATCH:
            raise ValueError(f"batch_size: expected 1 to {MOST_BATCH}; got {self.batch_size}")
        if not self.device_indices:
            raise ValueError("device_indices: expected at least one; got none")

    @classmethod
    def cuda(
        cls,
        folder: Path,
        device_indices: tuple[int, ...] = (0,),
        compute_type: str = "float16",
        batch_size: int = 16,
        batch_wait_ms: int = 20,
    ) -> WorkerSpec:
        """What suits GPUs; open as many workers as there are indices."""
        config = WhisperConfig(device="cuda", compute_type=compute_type)
        return cls(folder, config, device_indices, batch_size, batch_wait_ms)

    def load_model(self, worker: int) -> LoadModel:
        """The first message to the worker of this number."""
        cuda = self.config.device == "cuda"
        index = self.device_indices[worker % len(self.device_indices)] if cuda else 0
        words = None if self.vocabulary is None else self.vocabulary.to_data()
        return LoadModel(str(self.folder), asdict(replace(self.config, device_index=index)), words)


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """How long workers may take.

    Attributes:
        start_s: Loading the model.
        answer_s: A batch, plus `answer_s_per_audio_s` for each second of its audio; then the worker hangs and
            is killed.
        first_pause_s: Before a worker is started again that died without an answer; doubles each time.
        longest_pause_s: Where that ends.
        settled_s: A worker that lived so long did not die of its start.
        close_s: A worker's end, when asked for.
    """

    start_s: float = 300.0
    answer_s: float = 30.0
    answer_s_per_audio_s: float = 3.0
    first_pause_s: float = 0.1
    longest_pause_s: float = 30.0
    settled_s: float = 5.0
    close_s: float = 5.0
