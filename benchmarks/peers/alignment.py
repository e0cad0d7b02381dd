"""Which turn of the script each committed character belongs to, and when the turn's words were there.

Definition, the same for every system. Script (the turns of one side, joined) and committed text are folded
(NFKC, letters and digits only, katakana as hiragana) and aligned with the least number of edits.

- A turn is *recognised* when at least half of its characters were aligned with equal ones. The others are
  counted as missed and have no latency.
- It is *committed* when its last word was: at the commit event that brought the last character aligned with
  one of the turn's. A character put in another's place counts only if its event also holds an equal
  character of this turn, or none of a later one; else the beginning of the next turn could stand for the
  lost end of this one.
- *Commit latency* runs from the turn's end in the script to that event as the client received it.
- *First text* runs from the turn's start to the first screen (committed and revisable text) that is at
  least two characters longer than what was finally committed before this turn.
- *First shown* runs from the turn's end to the first screen whose text after that place holds the turn's
  last six committed characters, two of which may differ, and is at least seven tenths as long as the turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.peers.records import Snapshot, TextEvent, committed_characters, fold, snapshots

RECOGNISED_SHARE = 0.5
TAIL_CHARACTERS = 6
TAIL_EDITS = 2
SHOWN_SHARE = 0.7
FIRST_CHARACTERS = 2
_SLACK_CHARACTERS = 4


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the script; seconds since the stream's first sample."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Aligned:
    """One character of the hypothesis beside one of the reference."""

    reference: int
    hypothesis: int
    equal: bool


@dataclass(frozen=True, slots=True)
class TurnResult:
    """Seconds since the stream's first sample; None where the text never came.

    Attributes:
        share: Of the turn's characters, how many were committed as they stand in the script.
    """

    start_s: float
    end_s: float
    share: float
    first_text_s: float | None = None
    first_shown_s: float | None = None
    committed_s: float | None = None

    @property
    def recognised(self) -> bool:
        return self.share >= RECOGNISED_SHARE


def align(reference: str, hypothesis: str) -> list[Aligned]:
    """Pairs of one alignment with the least number of insertions, deletions and substitutions, in order."""
    rows = [list(range(len(hypothesis) + 1))]
    for row, expected in enumerate(reference, start=1):
        above, line = rows[-1], [row]
        for column, came in enumerate(hypothesis, start=1):
            line.append(min(above[column] + 1, line[-1] + 1, above[column - 1] + (expected != came)))
        rows.append(line)
    pairs: list[Aligned] = []
    row, column = len(reference), len(hypothesis)
    while row and column:
        equal = reference[row - 1] == hypothesis[column - 1]
        if rows[row][column] == rows[row - 1][column - 1] + (not equal):
            row, column = row - 1, column - 1
            pairs.append(Aligned(row, column, equal))
        elif rows[row][column] == rows[row - 1][column] + 1:
            row -= 1
        else:
            column -= 1
    return pairs[::-1]


def judge_turns(turns: Sequence[Turn], events: Sequence[TextEvent]) -> list[TurnResult]:
    """When each turn's words came, by the definitions at the head of this file."""
    hypothesis, origins = committed_characters(events)
    references = [fold(turn.text) for turn in turns]
    owners = [index for index, text in enumerate(references) for _ in text]
    pairs = align("".join(references), hypothesis)
    latest_of_event: dict[int, int] = {}
    for pair in pairs:
        if pair.equal:
            latest_of_event[origins[pair.hypothesis]] = owners[pair.reference]
    screens = list(snapshots(events))
    results = []
    for index, turn in enumerate(turns):
        own = [pair for pair in pairs if owners[pair.reference] == index]
        equal = [pair for pair in own if pair.equal]
        share = round(len(equal) / max(1, len(references[index])), 3)
        if share < RECOGNISED_SHARE:
            results.append(TurnResult(turn.start_s, turn.end_s, share))
            continue
        holding = {origins[pair.hypothesis] for pair in equal}
        last = max(
            pair.hypothesis
            for pair in own
            if pair.equal
            or origins[pair.hypothesis] in holding
            or latest_of_event.get(origins[pair.hypothesis], -1) <= index
        )
        first = equal[0].hypothesis
        after = [screen for screen in screens if screen.at_s >= turn.start_s]
        results.append(
            TurnResult(
                turn.start_s,
                turn.end_s,
                share,
                _first_text(after, first),
                _first_shown(after, hypothesis, first, last),
                events[origins[last]].at_s,
            )
        )
    return results


def _first_text(after: Sequence[Snapshot], first: int) -> float | None:
    return next((screen.at_s for screen in after if len(screen.text) >= first + FIRST_CHARACTERS), None)


def _first_shown(after: Sequence[Snapshot], hypothesis: str, first: int, last: int) -> float | None:
    tail = hypothesis[max(first, last + 1 - TAIL_CHARACTERS) : last + 1]
    least = SHOWN_SHARE * (last + 1 - first)
    edits = TAIL_EDITS * len(tail) // TAIL_CHARACTERS
    seen: tuple[str, bool] = ("", False)
    for screen in after:
        text = screen.text[max(0, first - _SLACK_CHARACTERS) :]
        if len(screen.text) - first < least:
            continue
        if text != seen[0]:
            seen = (text, tail in text or distance_within(tail, text) <= edits)
        if seen[1]:
            return screen.at_s
    return None


def distance_within(needle: str, text: str) -> int:
    """Edit distance of `needle` to the part of `text` that is most like it."""
    previous = [0] * (len(text) + 1)
    for row, expected in enumerate(needle, start=1):
        current = [row]
        for column, came in enumerate(text, start=1):
            current.append(
                min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (expected != came))
            )
        previous = current
    return min(previous)
