"""Arithmetic of counters that wrap: RTP's 16-bit sequence numbers and 32-bit timestamps (RFC 3550 A.1)."""

from __future__ import annotations

from typing import Final

MAX_DROPOUT: Final = 3_000
"""A number further ahead is not believed at once: the sender may count anew."""
MAX_MISORDER: Final = 1_500
"""A number further behind is not believed at once."""


def extend_sequence(sequence: int, near: int) -> int:
    """The extended number nearest to `near` whose low 16 bits are `sequence`; may be negative near 0."""
    return near + ((sequence - near + 0x8000) & 0xFFFF) - 0x8000


def extend_timestamp(timestamp: int, near: int) -> int:
    """The extended timestamp nearest to `near` whose low 32 bits are `timestamp`."""
    return near + ((timestamp - near + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
