"""Bad inputs made of good ones: flips, cuts, repeats, splices, numbers at limits, words of the grammar."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

_NUMBERS = (
    b"0",
    b"-1",
    b"255",
    b"65535",
    b"65536",
    b"2147483648",
    b"4294967295",
    b"18446744073709551616",
    b"1e308",
)
_MOST_CHANGES = 6


class Mutator:
    """Makes inputs of one target; the same seed gives the same inputs."""

    def __init__(
        self, seeds: Sequence[bytes], words: Sequence[bytes], most_bytes: int, seed: int = 1
    ) -> None:
        """Begin.

        Args:
            seeds: Good inputs; not empty.
            words: What the grammar is made of.
            most_bytes: Longest input.
            seed: Of the dice.
        """
        self._seeds = [seed[:most_bytes] for seed in seeds]
        self._words = (*words, *_NUMBERS)
        self._most_bytes = most_bytes
        self._dice = random.Random(seed)  # noqa: S311 - inputs, not secrets
        self._ways: tuple[Callable[[bytearray], None], ...] = (
            self._flip,
            self._byte,
            self._cut,
            self._repeat,
            self._insert,
            self._replace,
            self._splice,
            self._swap,
            self._length,
        )

    def next(self) -> bytes:
        """One more input."""
        made = bytearray(self._dice.choice(self._seeds))
        for _ in range(self._dice.randint(1, _MOST_CHANGES)):
            self._dice.choice(self._ways)(made)
        return bytes(made[: self._most_bytes])

    def _place(self, made: bytearray) -> int:
        return self._dice.randrange(len(made) + 1)

    def _span(self, made: bytearray) -> tuple[int, int]:
        begin = self._place(made)
        longest = self._dice.choice((4, 32, 400))
        return begin, min(len(made), begin + self._dice.randint(1, longest))

    def _flip(self, made: bytearray) -> None:
        if made:
            made[self._dice.randrange(len(made))] ^= 1 << self._dice.randrange(8)

    def _byte(self, made: bytearray) -> None:
        if made:
            made[self._dice.randrange(len(made))] = self._dice.choice((0, 10, 13, 32, 34, 127, 128, 255))

    def _cut(self, made: bytearray) -> None:
        begin, end = self._span(made)
        del made[begin:end]

    def _repeat(self, made: bytearray) -> None:
        begin, end = self._span(made)
        made[end:end] = made[begin:end] * self._dice.choice((1, 2, 50))

    def _insert(self, made: bytearray) -> None:
        place = self._place(made)
        made[place:place] = self._dice.choice(self._words) * self._dice.choice((1, 1, 3, 100))

    def _replace(self, made: bytearray) -> None:
        begin, end = self._span(made)
        made[begin:end] = self._dice.choice(self._words)

    def _splice(self, made: bytearray) -> None:
        other = self._dice.choice(self._seeds)
        made[self._place(made) :] = other[self._dice.randrange(len(other) + 1) :]

    def _swap(self, made: bytearray) -> None:
        begin, end = self._span(made)
        piece = bytes(made[begin:end])
        del made[begin:end]
        place = self._place(made)
        made[place:place] = piece

    def _length(self, made: bytearray) -> None:
        """Two or four bytes that may be a length or a number."""
        place = self._place(made)
        size = self._dice.choice((2, 4))
        made[place : place + size] = self._dice.choice(
            (0, 1, 0xFFFF, self._dice.randrange(1 << 16))
        ).to_bytes(size, "big")
