"""Payload types: what the seven bits of an RTP header stand for (RFC 3551 §6, RFC 3389, RFC 4733)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class PayloadType:
    """One payload type as it was agreed, or as RFC 3551 fixes it.

    Attributes:
        number: 0 to 127.
        codec: Encoding name in capitals: `PCMU`, `PCMA`, `G722`, `OPUS`, `L16`, `CN`, `TELEPHONE-EVENT`.
        clock_hz: Of the timestamps; 8000 for G.722 although its audio has 16 000 samples a second.
        channels: As in `a=rtpmap`; several are mixed to one.
        fmtp: Parameters as in `a=fmtp`, without the number.
    """

    number: int
    codec: str
    clock_hz: int
    channels: int = 1
    fmtp: str = ""


STATIC_PAYLOAD_TYPES: Final[Mapping[int, PayloadType]] = MappingProxyType(
    {
        kind.number: kind
        for kind in (
            PayloadType(0, "PCMU", 8_000),
            PayloadType(8, "PCMA", 8_000),
            PayloadType(9, "G722", 8_000),
            PayloadType(10, "L16", 44_100, 2),
            PayloadType(11, "L16", 44_100),
            PayloadType(13, "CN", 8_000),
            PayloadType(19, "CN", 8_000),
        )
    }
)
"""Those that mean the same in every session; 19 is comfort noise of old Cisco gateways, reserved since."""

CODEC_RATES_HZ: Final[Mapping[str, int]] = MappingProxyType(
    {"PCMU": 8_000, "PCMA": 8_000, "G722": 16_000, "OPUS": 16_000}
)
"""Samples a second that a codec is decoded to; L16 has its clock's."""


def audio_rate_hz(kind: PayloadType) -> int:
    """Samples a second of the decoded audio: what a call's rate is chosen from (the highest of its legs)."""
    return CODEC_RATES_HZ.get(kind.codec, kind.clock_hz)


def can_decode(kind: PayloadType) -> bool:
    """Whether this codec is audio that a receiver here decodes."""
    return kind.codec in CODEC_RATES_HZ or (kind.codec == "L16" and 8_000 <= kind.clock_hz <= 48_000)
