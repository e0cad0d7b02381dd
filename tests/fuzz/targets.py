"""Everything that takes bytes from a phone system, as functions that must come back whatever they are given.

A target takes one input. Refusing it by the part's own error is right and is swallowed here; any other
exception is a finding, and so is an input that takes too long. Inputs that are sequences are cut by `lines`
(text) or `records` (datagrams), so that a byte more or less still gives a sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from koemori.audio.errors import KoemoriError

LIMIT_MS = 50.0
"""Longest that one input may take."""
MOST_BYTES = 16_384
_MOST_RECORDS = 400


@dataclass(frozen=True)
class Target:
    """One parser or protocol object.

    Attributes:
        name: Of the target, and of its folder in `corpus`.
        take: Gives it one input.
        seeds: Good inputs, from which bad ones are made.
        words: What its grammar is made of.
    """

    name: str
    take: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()

    def __call__(self, given: bytes) -> None:
        """Give the target one input."""
        try:
            self.take(given)
        except KoemoriError:
            return


def lines(given: bytes, mark: bytes = b"\n\x00\n") -> list[bytes]:
    """The parts of a sequence of messages."""
    return given.split(mark)[:_MOST_RECORDS]


def joined(parts: list[bytes], mark: bytes = b"\n\x00\n") -> bytes:
    """A sequence of messages as one input."""
    return mark.join(parts)


def records(given: bytes) -> Iterator[tuple[int, int, bytes]]:
    """A sequence of datagrams: what kind, milliseconds since the one before, content."""
    at, count = 0, 0
    while at + 4 <= len(given) and count < _MOST_RECORDS:
        size = int.from_bytes(given[at + 2 : at + 4], "big") % 2_048
        yield given[at], given[at + 1], given[at + 4 : at + 4 + size]
        at, count = at + 4 + size, count + 1


def recorded(rows: list[tuple[int, int, bytes]]) -> bytes:
    """The opposite of `records`."""
    return b"".join(
        bytes((kind, wait)) + len(content).to_bytes(2, "big") + content for kind, wait, content in rows
    )
