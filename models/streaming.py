"""Successive hypotheses of one growing utterance → a stable prefix and an unstable tail. Pure.

Local agreement over characters: what two hypotheses in a row say in the same place is committed. Committed
text is only ever extended; a later hypothesis that would have put it otherwise is aligned with it and
contributes the text after it. Punctuation at the end of an agreement waits, because the recogniser moves it
as the sentence grows.
"""

from __future__ import annotations

from dataclasses import dataclass

from koemori.models.text import is_spoken


@dataclass(frozen=True, slots=True)
class PartialText:
    """Text of an utterance so far: `stable` only grows, `unstable` may change."""

    stable: str
    unstable: str


class StablePrefix:
    """Agreement between the hypotheses of one utterance; make a new one for the next."""

    def __init__(self) -> None:
        self._stable = ""
        self._previous_tail: str | None = None

    @property
    def stable(self) -> str:
        """The committed text."""
        return self._stable

    def push(self, hypothesis: str) -> PartialText:
        """Add the text of a newer, longer window; return what to show."""
        tail = text_after(self._stable, hypothesis)
        if self._previous_tail is None:
            agreed = ""
        else:
            agreed = _without_open_end(_common_prefix(self._previous_tail, tail))
        self._stable += agreed
        self._previous_tail = tail[len(agreed) :]
        return PartialText(self._stable, self._previous_tail)


def text_after(committed: str, hypothesis: str) -> str:
    """What `hypothesis` says after the words of `committed`, which it may spell in another way.

    The border is the shortest prefix of `hypothesis` nearest to `committed` by edit distance; punctuation
    right after it goes with the prefix when `committed` ends in punctuation.
    """
    if hypothesis.startswith(committed):
        return hypothesis[len(committed) :]
    previous = list(range(len(hypothesis) + 1))
    for row, expected in enumerate(committed, start=1):
        current = [row]
        for column, came in enumerate(hypothesis, start=1):
            current.append(
                min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (expected != came))
            )
        previous = current
    border = previous.index(min(previous))
    tail = hypothesis[border:]
    if committed and not is_spoken(committed[-1]):
        tail = tail[_leading_marks(tail) :]
    return tail


def _common_prefix(first: str, second: str) -> str:
    length = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        length += 1
    return first[:length]


def _without_open_end(agreed: str) -> str:
    """Drop punctuation at the end, and a mark that would combine with what follows."""
    end = len(agreed)
    while end and not is_spoken(agreed[end - 1]):
        end -= 1
    return agreed[:end]


def _leading_marks(text: str) -> int:
    count = 0
    while count < len(text) and not is_spoken(text[count]):
        count += 1
    return count
