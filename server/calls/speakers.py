"""From settings to who speaks when on a channel of several people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from koemori.server.model_settings import DiarizationSettings

if TYPE_CHECKING:
    from koemori.models.diarizer import DiarizationConfig


def diarization_config(settings: DiarizationSettings) -> DiarizationConfig:
    """What the diarizer is opened with; with `enabled = false` it has no weights and says so when asked."""
    from koemori.models.diarization import PipelineConfig
    from koemori.models.diarizer import DiarizationConfig

    if not settings.enabled:
        return DiarizationConfig()
    weights = PipelineConfig(
        pipeline=settings.pipeline or "",
        revision=settings.revision or "",
        segmentation=str(settings.segmentation or ""),
        embedding=str(settings.embedding or ""),
        digests=settings.sha256,
        hub=settings.hub,
        device=settings.device,
        threads=settings.threads,
    )
    return DiarizationConfig(weights, settings.python)
