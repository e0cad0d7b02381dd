"""What a stream gave, in one form for every system: the events, and the text that stood on the screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from koemori.models.text import fold_kana, normalize

Kind = Literal["partial", "commit"]


@dataclass(frozen=True, slots=True)
class TextEvent:
    """Text as it reached the client.

    Attributes:
        at_s: Seconds since the stream's first sample was spoken.
        kind: `commit` adds its text for good; `partial` takes the place of the revisable text shown before.
        text: A commit's new text, or the whole of the revisable text.
        start_ms: Media time the system gives for it; None where it gives none.
    """

    at_s: float
    kind: Kind
    text: str
    start_ms: int | None = None
    end_ms: int | None = None


@dataclass(slots=True)
class StreamLog:
    """One stream as its client saw it; times as in `TextEvent`.

    Attributes:
        ended_s: When the last packet had been sent.
        closed_s: When the system said that it was through, or the client gave up waiting.
        complete: Whether the system said so itself.
    """

    clock: Callable[[], float]
    began_s: float = 0.0
    events: list[TextEvent] = field(default_factory=list)
    ended_s: float = 0.0
    closed_s: float = 0.0
    complete: bool = False
    error: str | None = None

    def now(self) -> float:
        """Seconds since the first sample."""
        return self.clock() - self.began_s

    def commit(self, text: str, start_ms: int | None = None, end_ms: int | None = None) -> None:
        """Note text that will not change any more."""
        if text:
            self.events.append(TextEvent(self.now(), "commit", text, start_ms, end_ms))

    def partial(self, text: str, start_ms: int | None = None, end_ms: int | None = None) -> None:
        """Note revisable text; the same text again is no event."""
        if text != self._shown():
            self.events.append(TextEvent(self.now(), "partial", text, start_ms, end_ms))

    def _shown(self) -> str:
        last = self.events[-1] if self.events else None
        return last.text if last is not None and last.kind == "partial" else ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The screen after one event: folded text, of which the first `committed` characters stay."""

    at_s: float
    committed: int
    text: str


def fold(text: str) -> str:
    """Characters to compare by: `normalize`, katakana as hiragana."""
    return "".join(map(fold_kana, normalize(text)))


def committed_text(events: Iterable[TextEvent]) -> str:
    """All committed text in order, as it came."""
    return "".join(event.text for event in events if event.kind == "commit")


def committed_characters(events: Iterable[TextEvent]) -> tuple[str, list[int]]:
    """Folded committed characters, and for each the index of the event that brought it."""
    characters: list[str] = []
    origins: list[int] = []
    for index, event in enumerate(events):
        if event.kind == "commit":
            folded = fold(event.text)
            characters.append(folded)
            origins.extend([index] * len(folded))
    return "".join(characters), origins


def snapshots(events: Iterable[TextEvent]) -> Iterator[Snapshot]:
    """The screen after each event. A commit takes the revisable text away until the next partial."""
    stable = ""
    for event in events:
        if event.kind == "commit":
            stable += fold(event.text)
            yield Snapshot(event.at_s, len(stable), stable)
        else:
            yield Snapshot(event.at_s, len(stable), stable + fold(event.text))
