"""`kind = "chan_websocket"`: Asterisk's WebSocket channel."""

from __future__ import annotations

from typing import Annotated, Literal

from koemori.server.capture.socket_settings import SocketSettings
from pydantic import Field


class ChanWebsocketTrunk(SocketSettings):
    """Where Asterisk says which legs belong together.

    Attributes:
        join_s: How long a leg waits for the other one of its call.
    """

    kind: Literal["chan_websocket"]
    join_s: Annotated[float, Field(ge=0, le=30)] = 3.0
