"""Whose word is it? Matches speaker turns to words. Pure: times in, labels out.

Turns and words carry the same clock, media milliseconds. A label (`S1`, `S2` …) means a voice of this
recording and nothing more; who is agent and who is customer it does not say.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, count, groupby
from typing import Final

from koemori.models.types import SpeakerTurn, Word

UNKNOWN_SPEAKER: Final = "unknown"
"""Said of a word whose speaker cannot be told."""
TOLERANCE_MS: Final = 300
"""A recogniser's word times are off by this much now and then."""


@dataclass(frozen=True, slots=True)
class SpeakerRun:
    """Words of one speaker in a row, within one utterance."""

    speaker: str
    start_ms: int
    end_ms: int
    text: str


def label_words(
    words: Sequence[Word], turns: Sequence[SpeakerTurn], tolerance_ms: int = TOLERANCE_MS
) -> tuple[Word, ...]:
    """Give each word a speaker: the turn that covers most of it, else the nearest within tolerance.

    Args:
        words: In any order; it is kept.
        turns: In any order; meant not to overlap. Where they do, the one that covers more wins.
        tolerance_ms: How far a word may lie beside every turn and still belong to the nearest.

    Returns:
        The words, `speaker` set: a label of `turns`, or `unknown`. Ties go to the earlier turn.
    """
    table = _Turns(turns)
    return tuple(replace(word, speaker=table.speaker(word, tolerance_ms)) for word in words)


def speaker_runs(words: Sequence[Word]) -> tuple[SpeakerRun, ...]:
    """Split an utterance where the speaker changes; the runs' texts together are the words' texts."""
    runs: list[SpeakerRun] = []
    for speaker, group in groupby(words, key=lambda word: word.speaker or UNKNOWN_SPEAKER):
        members = list(group)
        runs.append(
            SpeakerRun(
                speaker,
                min(word.start_ms for word in members),
                max(word.end_ms for word in members),
                "".join(word.text for word in members),
            )
        )
    return tuple(runs)


def shift_turns(turns: Sequence[SpeakerTurn], by_ms: int) -> tuple[SpeakerTurn, ...]:
    """The same turns on a clock that began `by_ms` earlier."""
    return tuple(SpeakerTurn(turn.speaker, turn.start_ms + by_ms, turn.end_ms + by_ms) for turn in turns)


def continue_turns(
    known: Sequence[SpeakerTurn], found: Sequence[SpeakerTurn], from_ms: int, voices: int | None = None
) -> tuple[SpeakerTurn, ...]:
    """What is known before `from_ms`, and after it what was found, under the known names.

    A diarizer names voices anew each time. A found voice takes the name of the known one that speaks at the
    same times for longest; a voice that shares no time with any gets a new name, or, when all `voices` have
    one already, the first that is free.

    Args:
        known: Turns up to now.
        found: Turns of a later look, none of which begins before `from_ms`.
        from_ms: Where that look began.
        voices: How many there are, when that is known.
    """
    names = _known_names(known, found)
    old_names = {turn.speaker for turn in known}
    for turn in found:
        if turn.speaker not in names:
            taken = set(names.values())
            if voices is None or len(old_names | taken) < voices:
                taken |= old_names
            names[turn.speaker] = next(name for n in count(1) if (name := f"S{n}") not in taken)
    before = [replace(turn, end_ms=min(turn.end_ms, from_ms)) for turn in known if turn.start_ms < from_ms]
    after = [replace(turn, speaker=names[turn.speaker]) for turn in found]
    return (*before, *after)


def _known_names(known: Sequence[SpeakerTurn], found: Sequence[SpeakerTurn]) -> dict[str, str]:
    """Pair labels by the time they share, most first; each name is used once."""
    shared: dict[tuple[str, str], int] = {}
    for new in found:
        for old in known:
            overlap_ms = _overlap_ms(new, old.start_ms, old.end_ms)
            if overlap_ms > 0:
                pair = (new.speaker, old.speaker)
                shared[pair] = shared.get(pair, 0) + overlap_ms
    names: dict[str, str] = {}
    for (new_name, old_name), _ in sorted(shared.items(), key=lambda item: (-item[1], item[0])):
        if new_name not in names and old_name not in names.values():
            names[new_name] = old_name
    return names


class _Turns:
    """Turns by time, to be asked for many words."""

    def __init__(self, turns: Sequence[SpeakerTurn]) -> None:
        self._turns = sorted(turns, key=lambda turn: (turn.start_ms, turn.end_ms, turn.speaker))
        self._starts = [turn.start_ms for turn in self._turns]
        self._furthest = list(accumulate((turn.end_ms for turn in self._turns), max))
        """End of the longest-lasting turn up to each place: never falls."""

    def speaker(self, word: Word, tolerance_ms: int) -> str:
        first = bisect_left(self._furthest, word.start_ms - tolerance_ms)
        last = bisect_right(self._starts, word.end_ms + tolerance_ms)
        best, best_rank = UNKNOWN_SPEAKER, (0, tolerance_ms + 1)
        for turn in self._turns[first:last]:
            overlap_ms = _overlap_ms(turn, word.start_ms, word.end_ms)
            away_ms = max(0, turn.start_ms - word.end_ms, word.start_ms - turn.end_ms)
            rank = (-max(0, overlap_ms), away_ms)
            if rank < best_rank:
                best, best_rank = turn.speaker, rank
        return best


def _overlap_ms(turn: SpeakerTurn, start_ms: int, end_ms: int) -> int:
    """Time that both have; zero or less when they have none."""
    return min(turn.end_ms, end_ms) - max(turn.start_ms, start_ms)
