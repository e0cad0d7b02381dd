"""`kind = "rtp"`: plain RTP, as Asterisk's externalMedia, a media proxy or an encoder sends it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from koemori.audio.call import ChannelRole
from koemori.audio.rtp.payload import STATIC_PAYLOAD_TYPES, PayloadType
from koemori.server.capture.trunk_settings import MediaTrunkSettings
from koemori.server.model_settings import Section
from pydantic import Field, model_validator

Port = Annotated[int, Field(ge=1_024, le=65_534)]
Codec = Literal["PCMU", "PCMA", "G722", "OPUS", "L16"]
_NUMBERS = {"PCMU": 0, "PCMA": 8, "G722": 9}
_CLOCKS_HZ = {"PCMU": 8_000, "PCMA": 8_000, "G722": 8_000, "OPUS": 48_000, "L16": 16_000}


class RtpCodec(Section):
    """What legs are sent in.

    Attributes:
        codec: Its name.
        payload_type: Its number, where the codec has none of its own (Opus, L16).
        clock_hz: Of L16; Asterisk's slin16 has 16000.
        channels: Of L16.
        events: Payload type of telephone events; None expects none.
    """

    codec: Codec = "PCMU"
    payload_type: Annotated[int, Field(ge=0, le=127)] | None = None
    clock_hz: Annotated[int, Field(ge=8_000, le=48_000)] | None = None
    channels: Literal[1, 2] = 1
    events: Annotated[int, Field(ge=96, le=127)] | None = 101

    @model_validator(mode="after")
    def _numbered(self) -> Self:
        if self.payload_type is None and self.codec not in _NUMBERS:
            raise ValueError(f"expected payload_type beside codec {self.codec}; got none")
        return self

    @property
    def agreed(self) -> PayloadType:
        """As the receiver takes it."""
        number = _NUMBERS[self.codec] if self.payload_type is None else self.payload_type
        if self.codec in _NUMBERS and number == _NUMBERS[self.codec]:
            return STATIC_PAYLOAD_TYPES[number]
        channels = 2 if self.codec == "OPUS" else self.channels
        clock_hz = self.clock_hz if self.codec == "L16" and self.clock_hz else _CLOCKS_HZ[self.codec]
        return PayloadType(number, self.codec, clock_hz, channels)


class RtpLineSettings(Section):
    """Ports that always stand for the same place: one call after the other.

    Attributes:
        agent_port: Where the agent's voice comes; even, RTCP at the port above.
        customer_port: As the agent's.
        mixed_port: Where both come together, instead of the other two.
        agent: User name of the agent whose place it is.
        queue: Of its calls.
    """

    agent_port: Port | None = None
    customer_port: Port | None = None
    mixed_port: Port | None = None
    agent: str | None = None
    queue: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        sides = [port for port in (self.agent_port, self.customer_port) if port is not None]
        if bool(sides) == (self.mixed_port is not None):
            raise ValueError("expected agent_port and customer_port, or mixed_port; got neither or both")
        if any(port % 2 for port in (*sides, self.mixed_port or 0)):
            raise ValueError("expected even ports: RTCP has the odd ones; got an odd one")
        return self

    @property
    def ports(self) -> tuple[tuple[ChannelRole, int], ...]:
        """Role and port of each leg."""
        found = (
            (ChannelRole.AGENT, self.agent_port),
            (ChannelRole.CUSTOMER, self.customer_port),
            (ChannelRole.UNKNOWN, self.mixed_port),
        )
        return tuple((role, port) for role, port in found if port is not None)


class RtpTrunk(MediaTrunkSettings, RtpCodec):
    """Ports that are asked for by HTTP, call by call, and fixed ones.

    Attributes:
        media_port_first: First of the ports that are given out.
        media_port_last: Last of them.
        lines: Fixed ports.
        start_s: Ports that were asked for are given back when nothing came for this long.
    """

    kind: Literal["rtp"]
    media_port_first: Port = 30_000
    media_port_last: Port = 30_999
    lines: tuple[RtpLineSettings, ...] = ()
    start_s: Annotated[float, Field(gt=0, le=600)] = 30.0
