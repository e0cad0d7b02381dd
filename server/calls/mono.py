"""Calls whose one channel carries everybody: from the settings to a listener that names voices."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from koemori.audio.call import CallStarted, ChannelRole
from koemori.models.errors import ModelError
from koemori.server.calls.ports import Listener

if TYPE_CHECKING:
    from koemori.models.diarizer import DiarizationConfig, PyannoteDiarizer
    from koemori.models.model_cache import Progress
    from koemori.models.ports import Diarizer
    from koemori.server.config import Settings

logger = logging.getLogger(__name__)


async def open_diarizer(settings: Settings, progress: Progress | None = None) -> PyannoteDiarizer:
    """The diarizer of this process; starts nothing, and where it is unavailable it says so when asked.

    With the pipeline `open-voices` its weights are fetched first; when they cannot be had, calls go on
    without names.
    """
    from koemori.models.diarizer import PyannoteDiarizer
    from koemori.server.calls.speakers import diarization_config

    config = diarization_config(settings.diarization)
    return PyannoteDiarizer(await asyncio.to_thread(_with_open_voices, config, settings, progress))


def _with_open_voices(
    config: DiarizationConfig, settings: Settings, progress: Progress | None
) -> DiarizationConfig:
    from koemori.models.open_voices import OPEN_VOICES, ensure_open_voices
    from koemori.server.calls.recogniser import model_sources

    if config.weights.pipeline != OPEN_VOICES:
        return config
    try:
        found = ensure_open_voices(model_sources(settings.models), progress)
    except ModelError as error:
        logger.warning("speakers of mono calls will not be told apart: %s", error)
        return config
    weights = replace(found, device=config.weights.device, threads=config.weights.threads)
    return replace(config, weights=weights)


def naming_voices(listener: Listener, started: CallStarted, diarizer: Diarizer, drain_s: float) -> Listener:
    """The listener as it is, or, for a call of one channel of unknown role, one that names voices.

    Args:
        listener: Gives the words.
        started: The call.
        diarizer: Shared by all calls.
        drain_s: How long the end of a call may wait for words; the last look at the voices gets most of it.
    """
    if [channel.role for channel in started.channels] != [ChannelRole.UNKNOWN]:
        return listener
    from koemori.models.speaker_listener import SpeakerConfig, SpeakerListener

    return SpeakerListener(listener, diarizer, SpeakerConfig(grace_s=0.75 * drain_s))
