"""`kind = "chan_websocket"`: Asterisk's WebSocket channel."""

from __future__ import annotations

from typing import Literal

from koemori.server.capture.socket_settings import LegSocketSettings


class ChanWebsocketTrunk(LegSocketSettings):
    """Asterisk says which legs belong together."""

    kind: Literal["chan_websocket"]
