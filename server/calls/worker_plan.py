"""From settings to worker processes: which device, how many, how much at once. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from koemori.models.errors import WorkerFailedError
from koemori.server.model_settings import AUTO, CPU_TYPES, GPU_ONLY, ModelSettings

if TYPE_CHECKING:
    from koemori.models.vocabulary import Vocabulary
    from koemori.models.worker_spec import WorkerSpec

CPU_BATCH: Final = 4
CUDA_BATCH: Final = 16
CUDA_BATCH_WAIT_MS: Final = 20


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """What the workers run on.

    Attributes:
        device: `cpu` or `cuda`.
        device_indices: GPUs; meaningless on a CPU.
        compute_type: CTranslate2's weight type.
        workers: Processes of the model for finals.
        partial_workers: Processes of the model for partials; 0 when one model does both.
        batch_size: Windows that a worker takes together.
        batch_wait_ms: How long an idle worker waits for a batch to fill.
    """

    device: str
    device_indices: tuple[int, ...]
    compute_type: str
    workers: int
    partial_workers: int
    batch_size: int
    batch_wait_ms: int


def plan_device(settings: ModelSettings, cores: int, cuda_devices: int) -> DevicePlan:
    """Decide what `auto` means on this machine.

    On a CPU, two models share the cores: half of the workers, at least one, for partials. On CUDA each GPU
    holds both.

    Args:
        settings: Section [models].
        cores: That the service may use.
        cuda_devices: That CTranslate2 sees; asked for only where the device is not `cpu`.

    Raises:
        WorkerFailedError: A GPU is named that is not there, or weights that only a GPU computes with.
    """
    if settings.device == "cuda" or (settings.device == AUTO and cuda_devices):
        return _plan_cuda(settings, cuda_devices)
    if settings.compute_type in GPU_ONLY:
        expected = f"[models] compute_type {CPU_TYPES}, or a CUDA device for {settings.compute_type}"
        raise WorkerFailedError(expected, f"{settings.compute_type} and no CUDA device")
    workers = cores if settings.workers == AUTO else int(settings.workers)
    partial_workers = max(1, workers // 2) if _two_models(settings) else 0
    return DevicePlan(
        device="cpu",
        device_indices=(0,),
        compute_type="int8" if settings.compute_type == AUTO else settings.compute_type,
        workers=max(1, workers - partial_workers),
        partial_workers=partial_workers,
        batch_size=CPU_BATCH if settings.batch_size == AUTO else int(settings.batch_size),
        batch_wait_ms=settings.batch_wait_ms or 0,
    )


def worker_spec(plan: DevicePlan, folder: Path, words: Vocabulary | None = None) -> WorkerSpec:
    """What each worker of one model loads; a model for partials alone needs no words."""
    from koemori.models.whisper import WhisperConfig
    from koemori.models.worker_spec import WorkerSpec

    config = WhisperConfig(device=plan.device, compute_type=plan.compute_type)
    return WorkerSpec(folder, config, plan.device_indices, plan.batch_size, plan.batch_wait_ms, words)


def _plan_cuda(settings: ModelSettings, cuda_devices: int) -> DevicePlan:
    absent = [index for index in settings.device_index if index >= cuda_devices]
    if absent:
        there = f"{cuda_devices} CUDA device{'' if cuda_devices == 1 else 's'}"
        raise WorkerFailedError(f"CUDA device {absent[0]}, as [models] device_index says", there)
    gpus = len(settings.device_index)
    workers = gpus if settings.workers == AUTO else int(settings.workers)
    wait_ms = CUDA_BATCH_WAIT_MS if settings.batch_wait_ms is None else settings.batch_wait_ms
    return DevicePlan(
        device="cuda",
        device_indices=settings.device_index,
        compute_type="float16" if settings.compute_type == AUTO else settings.compute_type,
        workers=workers,
        partial_workers=workers if _two_models(settings) else 0,
        batch_size=CUDA_BATCH if settings.batch_size == AUTO else int(settings.batch_size),
        batch_wait_ms=wait_ms,
    )


def _two_models(settings: ModelSettings) -> bool:
    return settings.partials and settings.partial_model not in (None, settings.name)
