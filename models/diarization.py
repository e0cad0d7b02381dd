"""pyannote.audio: samples → who speaks when. The only module that imports it, when a pipeline is opened.

It belongs into a process of its own (`diarization_worker`): torch is heavy and may live in another
environment, so nothing here leans on the rest of Koemori but for light modules.

Weights are of two kinds: a whole pyannote pipeline (a folder with `config.yaml`, or a hub id), or a
segmentation checkpoint and a voice encoder as files, which are put into pyannote's own pipeline. Checkpoints
of torch can carry code: single files are loaded only when their sha256 is given and right.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import types
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from koemori.models.errors import DiarizationUnavailableError
from koemori.models.types import SpeakerTurn
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
LEAST_SAMPLES = SAMPLE_RATE_HZ // 2
"""Less audio than this holds no turn worth naming."""
_HASH_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """Which weights, and how the pipeline is run; see `DiarizationConfig` for what surrounds it.

    Attributes:
        pipeline: Folder of a pyannote pipeline, or its hub id; empty for single files.
        revision: Of the hub id; a commit keeps the weights from changing.
        segmentation: A pyannote segmentation checkpoint.
        embedding: A voice encoder: a pyannote embedding checkpoint, or Resemblyzer's.
        digests: sha256 by file name (within a pipeline folder: by path from it). Needed for single files.
        hub: Whether the network may be used; without it a hub id must be in the local cache.
        device: Of torch.
        threads: Of torch on a CPU.
        step: Of the segmentation window, as a share of its length: smaller is slower and a little better.
        onset: A speaker is active above this, where the segmentation gives probabilities.
        least_pause_ms: Pauses of one speaker below this are filled.
    """

    pipeline: str = ""
    revision: str = ""
    segmentation: str = ""
    embedding: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    hub: bool = False
    device: str = "cpu"
    threads: int = 1
    step: float = 0.1
    onset: float = 0.4442
    least_pause_ms: int = 580

    @property
    def model_id(self) -> str:
        """What made the turns: the pipeline's name, or the first digits of the files' digests."""
        if self.pipeline:
            name = Path(self.pipeline).name if os.path.isdir(self.pipeline) else self.pipeline
            return f"pyannote:{name}@{self.revision}" if self.revision else f"pyannote:{name}"
        files = (Path(self.segmentation).name, Path(self.embedding).name)
        return "pyannote:" + "+".join(self.digests.get(name, "")[:12] for name in files)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the worker."""
        return {**asdict(self), "digests": dict(self.digests)}

    def check(self) -> None:
        """Look for the files and at their digests; reads them whole, so not on an event loop.

        Raises:
            DiarizationUnavailableError: Nothing is configured, or a file is missing or another one.
        """
        if self.pipeline:
            root = Path(self.pipeline)
            if not root.is_dir():
                if root.is_absolute() or self.pipeline.startswith("."):
                    raise DiarizationUnavailableError(f"the pipeline folder {root.name}")
                return
            if not (root / "config.yaml").is_file():
                raise DiarizationUnavailableError(f"config.yaml in the pipeline folder {root.name}")
            for name, digest in self.digests.items():
                _check_file(root / name, digest)
            return
        if not self.segmentation or not self.embedding:
            raise DiarizationUnavailableError("a pyannote pipeline, or a segmentation and an embedding file")
        for path in (Path(self.segmentation), Path(self.embedding)):
            if path.name not in self.digests:
                raise DiarizationUnavailableError(f"the sha256 of {path.name} in the configuration")
            _check_file(path, self.digests[path.name])


def _check_file(path: Path, sha256: str) -> None:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(_HASH_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise DiarizationUnavailableError(f"a readable file {path.name}") from error
    if digest.hexdigest() != sha256.lower():
        raise DiarizationUnavailableError(f"{path.name} with sha256 {sha256[:12]}…")


class SpeakerPipeline:
    """An open pyannote pipeline. Takes seconds to make: torch and pyannote are loaded here.

    Raises:
        DiarizationUnavailableError: A package or the weights are missing.
    """

    def __init__(self, config: PipelineConfig) -> None:
        config.check()
        _prepare_imports(config)
        self._fixed_number = not config.pipeline
        try:
            self._pipeline = _from_files(config) if self._fixed_number else _from_folder_or_hub(config)
        except DiarizationUnavailableError:
            raise
        except Exception as error:
            raise DiarizationUnavailableError(f"weights that load ({type(error).__name__})") from error

    def turns(self, samples: NDArray[np.float32], speakers: int | None) -> tuple[SpeakerTurn, ...]:
        """As `Diarizer.turns`. A pipeline of single files takes two speakers when the number is not known."""
        import torch

        if len(samples) < LEAST_SAMPLES:
            return ()
        number = 2 if speakers is None and self._fixed_number else speakers
        audio = {"waveform": torch.from_numpy(samples)[None], "sample_rate": SAMPLE_RATE_HZ, "uri": "call"}
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            output = self._pipeline(audio, num_speakers=number)
        exclusive = getattr(output, "exclusive_speaker_diarization", output)
        names: dict[str, str] = {}
        found: list[SpeakerTurn] = []
        for span, _, label in exclusive.itertracks(yield_label=True):
            name = names.setdefault(label, f"S{len(names) + 1}")
            end_ms = min(round(span.end * 1000), len(samples) * 1000 // SAMPLE_RATE_HZ)
            if round(span.start * 1000) < end_ms:
                found.append(SpeakerTurn(name, round(span.start * 1000), end_ms))
        return tuple(sorted(found, key=lambda turn: (turn.start_ms, turn.end_ms)))


def _prepare_imports(config: PipelineConfig) -> None:
    """Import torch and pyannote with telemetry off, and mend torchaudio beside a CPU torch."""
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    if not config.hub:
        os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        import torch
    except ImportError as error:
        raise DiarizationUnavailableError("the package torch (extra `diarize`)") from error
    torch.set_num_threads(config.threads)
    if torch.version.cuda is None and importlib.util.find_spec("torchaudio") is not None:
        # The index's torchaudio is built for CUDA and fails to load; pyannote needs only its Python parts.
        stub = types.ModuleType("torchaudio._extension")
        stub.__dict__.update(
            _IS_TORCHAUDIO_EXT_AVAILABLE=False, _IS_ALIGN_AVAILABLE=False, fail_if_no_align=lambda made: made
        )
        sys.modules.setdefault("torchaudio._extension", stub)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torchcodec is not needed: audio is handed over in memory
            import pyannote.audio  # noqa: F401
    except ImportError as error:
        raise DiarizationUnavailableError("the package pyannote.audio (extra `diarize`)") from error


def _from_folder_or_hub(config: PipelineConfig) -> Any:
    import torch
    from pyannote.audio import Pipeline

    folder = os.path.isdir(config.pipeline)
    try:
        pipeline = Pipeline.from_pretrained(
            config.pipeline, revision=None if folder else config.revision or None
        )
    except Exception as error:
        if folder or config.hub:
            raise
        missing = f"the pipeline {config.pipeline} in the local cache, or hub = true"
        raise DiarizationUnavailableError(missing) from error
    if pipeline is None:
        raise DiarizationUnavailableError("a pipeline that the hub lets us have")
    return pipeline.to(torch.device(config.device))


def _from_files(config: PipelineConfig) -> Any:
    """Put the two networks into pyannote's own pipeline, with k-means: it is told how many speak."""
    import torch
    from pyannote.audio import Model
    from pyannote.audio.core.plda import PLDA
    from pyannote.audio.pipelines import SpeakerDiarization

    class NoPlda(PLDA):  # type: ignore[misc]
        """The constructor wants one; k-means never asks it."""

        def __init__(self) -> None:
            pass

    pipeline = SpeakerDiarization(
        segmentation=Model.from_pretrained(config.segmentation, strict=False),
        segmentation_step=config.step,
        embedding=_embedding(config.embedding),
        embedding_exclude_overlap=True,
        plda=NoPlda(),
        clustering="KMeansClustering",
        embedding_batch_size=32,
        segmentation_batch_size=16,
    )
    parameters: dict[str, float] = {"min_duration_off": config.least_pause_ms / 1000}
    if "threshold" in pipeline.segmentation:
        parameters["threshold"] = config.onset
    pipeline.instantiate({"segmentation": parameters})
    return pipeline.to(torch.device(config.device))


def _embedding(path: str) -> Any:
    """A pyannote embedding model, or Resemblyzer's voice encoder in the shape of one."""
    import pickle

    import torch
    from koemori.models.voice_encoder import DIMENSION, VoiceEncoder
    from pyannote.audio import Model
    from pyannote.audio.core.task import Problem, Resolution, Specifications

    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        checkpoint = {}
    if "model_state" not in checkpoint:
        return Model.from_pretrained(path, strict=False)

    class VoiceModel(Model):  # type: ignore[misc]
        """The encoder behind pyannote's interface: chunks and masks in, one vector each out."""

        dimension = DIMENSION

        def __init__(self, encoder: VoiceEncoder) -> None:
            super().__init__(sample_rate=SAMPLE_RATE_HZ, num_channels=1)
            self.encoder = encoder
            self.specifications = Specifications(
                problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=5.0
            )

        def forward(self, waveforms: Any, weights: Any = None) -> Any:
            voices = waveforms[:, 0]
            if weights is None:
                return self.encoder(list(voices))
            shares = torch.nn.functional.interpolate(weights[:, None], size=voices.shape[1])[:, 0]
            return self.encoder([voice[share > 0.5] for voice, share in zip(voices, shares, strict=True)])

    return VoiceModel(VoiceEncoder(checkpoint["model_state"]))
