"""What is said of facts about recognition. Pure: facts in, findings out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from koemori.models.capacity import TALK_SHARE, USABLE_SHARE, Capacity
from koemori.models.host import CpuFacts, HostFacts
from koemori.server.calls.worker_plan import DevicePlan
from koemori.server.doctor.findings import Finding
from koemori.server.model_settings import ModelSettings

if TYPE_CHECKING:
    from koemori.models.calibration import Calibration

_GIB: Final = 2**30
_COMFORTABLE_SHARE: Final = 0.8
_DRIVER: Final = "install the NVIDIA driver, 525 or newer (in a container: the NVIDIA container toolkit too)"
_MKL_VARIABLE: Final = "CT2_USE_MKL"
_ISA_VARIABLE: Final = "CT2_FORCE_CPU_ISA"
_FAST_ISAS: Final = ("AVX2", "AVX512", "NEON")
_NEEDS_MKL: Final = "int16"
"""CTranslate2 computes with it only where Intel's library multiplies."""


def cuda_trouble(settings: ModelSettings, facts: HostFacts, driver: str) -> Finding | None:
    """Why the GPU that is wanted cannot be used; None when it can, or when none is wanted."""
    if settings.device == "cpu":
        return None
    if facts.cuda_failure:
        advice = 'install what it names, or set [models] device = "cpu"'
        return Finding("device", "failed", f"CUDA: {facts.cuda_failure}", advice)
    if settings.device == "cuda" and not facts.cuda_devices:
        came = f"no CUDA device, driver {driver}" if driver else "no CUDA device and no NVIDIA driver"
        advice = "update the NVIDIA driver, or look at nvidia-smi" if driver else _DRIVER
        return Finding("device", "failed", came, f'{advice}; or set [models] device = "cpu"')
    return None


def device(
    plan: DevicePlan, facts: HostFacts, gpu_memory: tuple[int, ...], figures: Mapping[str, object]
) -> Finding:
    """What the workers run on."""
    said = {**figures, "device": plan.device, "compute_type": plan.compute_type, "workers": plan.workers}
    if plan.device == "cuda":
        named = ", ".join(
            f"{index} ({gpu_memory[index] / _GIB:.0f} GiB)" if index < len(gpu_memory) else str(index)
            for index in plan.device_indices
        )
        came = (
            f"CTranslate2 {facts.version} on GPU {named}, {plan.compute_type}, batches of {plan.batch_size}"
        )
        return Finding("device", "ok", came, figures=said)
    came = f"CTranslate2 {facts.version} on CPU, {plan.compute_type}"
    if facts.cuda_devices and not facts.cuda_failure:
        gpus = "a GPU" if facts.cuda_devices == 1 else f"{facts.cuda_devices} GPUs"
        return Finding("device", "ok", f"{came}; {gpus} idle", 'try [models] device = "cuda"', said)
    return Finding("device", "ok", came, figures=said)


def cpu(
    name: str, cores: int, facts: CpuFacts | None, compute_types: tuple[str, ...], environ: Mapping[str, str]
) -> Finding:
    """Which instructions and which library do the work, and what slows them down.

    Args:
        name: The processor's.
        cores: That the service may use.
        facts: What CTranslate2 chose when a model was loaded; None when none was.
        compute_types: Weight types that it computes with.
        environ: The variables that force its hand.
    """
    vendor = facts.vendor if facts is not None and facts.vendor else name
    mkl = facts.mkl if facts is not None else _NEEDS_MKL in compute_types
    came = f"{cores} core{'' if cores == 1 else 's'}, {name or vendor or 'unknown processor'}"
    figures: dict[str, object] = {"cores": cores, "mkl": mkl}
    if facts is not None and facts.isa:
        came += f", {facts.isa}, int8 by {'Intel MKL' if mkl else facts.int8_backend}"
        figures |= {"isa": facts.isa, "int8_backend": facts.int8_backend}
    if mkl and "AMD" in vendor.upper():
        advice = f"unset {_MKL_VARIABLE}: Intel's library makes int8 many times slower on AMD"
        return Finding("cpu", "warning", came, advice, figures)
    if facts is not None and facts.int8_backend == "none":
        return Finding(
            "cpu", "warning", f"{came}: int8 is emulated", "expect a fraction of the speed", figures
        )
    if facts is not None and facts.isa and facts.isa not in _FAST_ISAS:
        forced = environ.get(_ISA_VARIABLE)
        advice = f"unset {_ISA_VARIABLE}" if forced else "expect half the speed; prefer a processor with AVX2"
        return Finding("cpu", "warning", came, advice, figures)
    return Finding("cpu", "ok", came, figures=figures)


def capacity(plan: DevicePlan, calls: Capacity, finals: Calibration, partials: Calibration | None) -> Finding:
    """How many calls, and what that rests on."""
    unit = "GPU" if plan.device == "cuda" else "core"
    costs = f"finals take {finals.final_load:.2f}"
    said = f"{_calls(calls.finals_only)} with finals only"
    if partials is not None:
        costs += f" and partials {partials.partial_load:.2f}"
        said = (
            f"{_calls(calls.usual_pace)} with text while people speak, {calls.slowest_pace} when that text "
            f"comes as rarely as it may, {calls.finals_only} with finals only"
        )
    came = (
        f"about {said} ({costs} of a {unit} per second of speech; "
        f"both sides speak {TALK_SHARE:.0%} of a call; workers {USABLE_SHARE:.0%} full)"
    )
    if plan.device == "cuda":
        came += "; batches carry more"
    figures = {
        "calls_usual_pace": calls.usual_pace,
        "calls_slowest_pace": calls.slowest_pace,
        "calls_finals_only": calls.finals_only,
        "final_load": round(finals.final_load, 4),
        "best_final_load": round(finals.best_final_load, 4),
        "partial_load": None if partials is None else round(partials.partial_load, 4),
        "model_id": finals.model_id,
        "load_ms": round(finals.load_ms),
    }
    smaller = "a smaller model, or more cores" if plan.device == "cpu" else "a smaller model, or more GPUs"
    if calls.finals_only < 1:
        return Finding("capacity", "failed", came, f"take {smaller}", figures)
    if partials is not None and calls.usual_pace < 1:
        return Finding(
            "capacity", "warning", came, f"set [models] partials = false, or take {smaller}", figures
        )
    return Finding("capacity", "ok", came, figures=figures)


def memory(plan: DevicePlan, needed_bytes: int, worker_bytes: int, free_bytes: int | None) -> Finding:
    """Whether the service and its workers fit."""
    workers = plan.workers + plan.partial_workers
    came = f"needs about {needed_bytes / _GIB:.1f} GiB with {workers} worker{'' if workers == 1 else 's'}"
    figures = {"needed_bytes": needed_bytes, "free_bytes": free_bytes, "worker_bytes": worker_bytes}
    if free_bytes is None:
        return Finding("memory", "ok", came, figures=figures)
    came += f", {free_bytes / _GIB:.1f} GiB are free"
    if needed_bytes > free_bytes:
        return Finding(
            "memory", "failed", came, "set [models] workers lower, or take a smaller model", figures
        )
    if needed_bytes > _COMFORTABLE_SHARE * free_bytes:
        return Finding("memory", "warning", came, "leave room for what else runs here", figures)
    return Finding("memory", "ok", came, figures=figures)


def _calls(count: int) -> str:
    return f"{count} call{'' if count == 1 else 's'}"
