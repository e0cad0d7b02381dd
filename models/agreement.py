"""Successive hypotheses of one growing utterance → a stable prefix and an unstable tail. Pure.

Local agreement over characters: what two hypotheses in a row say in the same place is committed. Committed
text is only ever extended; a later hypothesis that would have put it otherwise is aligned with it and
contributes the text after it. Punctuation at the end of an agreement waits, because the recogniser moves it
as the sentence grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from koemori.models.text import fold_kana, is_spoken

_SPOKEN_WEIGHT = 10


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

    def push(self, hypothesis: str) -> PartialText:
        """Add the text of a newer, longer window; return what to show."""
        tail = text_after(self._stable, hypothesis)
        agreed = ""
        if self._previous_tail is not None:
            agreed = _without_open_end(_common_prefix(self._previous_tail, tail))
        self._stable += agreed
        self._previous_tail = tail[len(agreed) :]
        return PartialText(self._stable, self._previous_tail)


def text_after(committed: str, hypothesis: str) -> str:
    """What `hypothesis` says after the words of `committed`, which it may spell in another way.

    The border is the shortest prefix of `hypothesis` nearest to `committed` by edit distance, in which
    katakana equals hiragana and punctuation hardly counts.
    """
    if hypothesis.startswith(committed):
        return hypothesis[len(committed) :]
    came = [(fold_kana(character), _weight(character)) for character in hypothesis]
    previous = list(accumulate((weight for _, weight in came), initial=0))
    for expected in committed:
        folded, missing = fold_kana(expected), _weight(expected)
        current = [previous[0] + missing]
        for column, (character, extra) in enumerate(came, start=1):
            swapped = 0 if folded == character else max(missing, extra)
            current.append(
                min(previous[column] + missing, current[-1] + extra, previous[column - 1] + swapped)
            )
        previous = current
    return hypothesis[previous.index(min(previous)) :]


def _weight(character: str) -> int:
    return _SPOKEN_WEIGHT if is_spoken(character) else 1


def _common_prefix(first: str, second: str) -> str:
    length = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        length += 1
    return first[:length]


def _without_open_end(agreed: str) -> str:
    """Drop punctuation at the end."""
    end = len(agreed)
    while end and not is_spoken(agreed[end - 1]):
        end -= 1
    return agreed[:end]
