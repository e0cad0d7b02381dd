"""`kind = "audiosocket"`: Asterisk connects by TCP, once for each channel it sends."""

from __future__ import annotations

from typing import Annotated, Literal

from koemori.audio.call import ChannelRole
from koemori.server.capture.trunk_settings import TrunkSettings
from pydantic import Field

Port = Annotated[int, Field(ge=0, le=65_535)]


class AudioSocketTrunk(TrunkSettings):
    """A TCP address that Asterisk sends channels to.

    Attributes:
        host: Where to listen.
        port: As the dialplan names it; 0 takes any free one.
        pairs: Whether two connections whose UUIDs differ in their last digit only are one call; the digit
            then says whose voice it is: `0` the agent's, `1` the customer's.
        role: Whose voice it is where there are no pairs.
        join_s: How long the first connection of a pair waits for the other.
        start_s: Longest wait for the UUID.
        idle_s: A connection without a frame for this long is taken for dead.
    """

    kind: Literal["audiosocket"]
    host: str = "127.0.0.1"
    port: Port = 9092
    pairs: bool = False
    role: ChannelRole = ChannelRole.UNKNOWN
    join_s: Annotated[float, Field(gt=0, le=30)] = 3.0
    start_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    idle_s: Annotated[float, Field(gt=0, le=3_600)] = 60.0
