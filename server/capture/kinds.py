"""Who opens which kind of trunk; one line each."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from koemori.server.capture.settings import TrunkConfig
from koemori.server.capture.trunk import TrunkContext, TrunkListener

_OPENERS = {
    "audiosocket": "koemori.server.capture.audiosocket",
    "audiohook": "koemori.server.capture.audiohook",
    "chan_websocket": "koemori.server.capture.chan_websocket",
    "freeswitch": "koemori.server.capture.freeswitch",
    "rtp": "koemori.server.capture.rtp",
    "siprec": "koemori.server.capture.siprec",
    "stream": "koemori.server.capture.stream",
    "whip": "koemori.server.capture.whip",
}
"""Modules with `open_trunk(context, settings) -> TrunkListener`; loaded only when a trunk needs them."""


def open_trunk(context: TrunkContext, settings: TrunkConfig) -> TrunkListener:
    """The listener of a trunk, not yet started."""
    opener = cast(
        "Callable[[TrunkContext, Any], TrunkListener]", import_module(_OPENERS[settings.kind]).open_trunk
    )
    return opener(context, settings)
