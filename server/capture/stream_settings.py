"""`kind = "stream"`: media over a WebSocket, in a dialect that is data."""

from __future__ import annotations

from typing import Literal

from koemori.server.capture.trunk_settings import TrunkSettings


class StreamTrunk(TrunkSettings):
    """Twilio and its relatives."""

    kind: Literal["stream"]
    dialect: str = "twilio"
