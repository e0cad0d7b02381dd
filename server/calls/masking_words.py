"""The one door that words pass on their way to anybody: a card's digits do not get through it.

Finals that may be parts of a card number wait, and all finals behind them, until it is clear what they are:
the speaker says something else, says nothing for five seconds, or the digits are a card's. Then all of them
go on in their order, a card's digits replaced. In sound that is masked after the fact (from the question for
a card, from the first digit of a number) digits of any kind are replaced. Running text shows long numbers as
bullets. Pure: media time is given.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from koemori.assist.card_numbers import (
    CARD,
    DIGITS,
    asks_for_card,
    card_spans,
    hidden,
    is_filler,
    long_digit_spans,
    may_be_part,
)
from koemori.audio.call import ChannelRole
from koemori.models.types import (
    LoadChanged,
    NotAssisted,
    Partial,
    Quarantined,
    SpeakersFound,
    TranscriptEvent,
    Utterance,
    VoiceChanged,
    Word,
)

WAIT_MS: Final = 5_000
_REMEMBERED_MS: Final = 30_000
"""Digits that went on are read together with those that follow for so long."""
_MOST_WAITING: Final = 64
_SHOWN_DIGITS: Final = 4
"""Running text shows numbers of fewer digits."""
_IN_MASKED_DIGITS: Final = 2
_UNBELIEVED_DIGITS: Final = 5
_MOST_HIDDEN: Final = 256

_Spans = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class CardNews:
    """A card number is being asked for, or was said: sound from `since_ms` on must not be kept."""

    reason: str
    since_ms: int


@dataclass(slots=True)
class _Speaker:
    waiting: list[Utterance] = field(default_factory=list)
    lately: deque[Utterance] = field(default_factory=deque)
    """Digits that went on, for what may follow."""


class CardGuard:
    """See the module; of one call."""

    def __init__(self) -> None:
        self._queue: deque[TranscriptEvent] = deque()
        """What waits, oldest first."""
        self._speakers: defaultdict[int, _Speaker] = defaultdict(_Speaker)
        self._news: list[CardNews] = []
        self._masked: list[tuple[int, int | None]] = []
        """Stretches of media time (ms) of which some may have been heard and must not be read."""
        self._hidden: dict[str, None] = {}
        """Utterances in which something was replaced: what comes later of their words must not undo it."""
        self._asked: set[str] = set()
        self._shown: dict[int, tuple[str, str]] = {}
        """By channel: the utterance whose partials came last, and what was shown of it as stable."""

    def push(self, event: TranscriptEvent) -> list[TranscriptEvent]:
        """Take one event; return what may go on, in the order in which it came."""
        if isinstance(event, Partial):
            self._hear_question(event.channel.role, event.utterance_id, _text(event), event.end_ms)
            return [self._bulleted(event)]
        if isinstance(event, LoadChanged):
            return [event]
        self._queue.append(event)
        if isinstance(event, Utterance):
            self._hear_question(event.channel.role, event.utterance_id, event.text, event.end_ms)
            self._hear(event)
        return list(self._ready())

    def tick(self, now_ms: int) -> list[TranscriptEvent]:
        """All words up to this media time have come; return what need not wait any longer."""
        for speaker in self._speakers.values():
            if speaker.waiting and now_ms - speaker.waiting[-1].end_ms >= WAIT_MS:
                self._let_go(speaker)
        return list(self._ready())

    def finish(self) -> list[TranscriptEvent]:
        """Return all that waits; nothing more comes."""
        for speaker in self._speakers.values():
            self._let_go(speaker)
        return list(self._ready())

    def take_news(self) -> list[CardNews]:
        """What must be masked because of what was said since this was last called."""
        news, self._news = self._news, []
        return news

    def masked(self, since_ms: int) -> None:
        """Sound from here on is masked; what was heard of it already is read without digits."""
        if not self._masked or self._masked[-1][1] is not None:
            self._masked.append((since_ms, None))
            del self._masked[:-_MOST_WAITING]

    def unmasked(self, at_ms: int) -> None:
        """Sound from here on is kept."""
        if self._masked and self._masked[-1][1] is None:
            self._masked[-1] = (self._masked[-1][0], at_ms)

    def _hear_question(self, role: ChannelRole, utterance_id: str, text: str, end_ms: int) -> None:
        if role is ChannelRole.CUSTOMER or utterance_id in self._asked or asks_for_card(text) is None:
            return
        self._asked.add(utterance_id)
        self._news.append(CardNews("card-asked", end_ms))
        self.masked(end_ms)

    def _hear(self, event: Utterance) -> None:
        speaker = self._speakers[event.channel.index]
        while speaker.lately and event.start_ms - speaker.lately[0].end_ms > _REMEMBERED_MS:
            speaker.lately.popleft()
        going_on = bool(speaker.waiting)
        said = [*speaker.lately, *speaker.waiting, event]
        all_spans = card_spans([one.text for one in said])
        found = [one for one, spans in zip(said, all_spans, strict=True) if spans]
        if found:
            self._found(speaker, dict(zip([one.utterance_id for one in said], all_spans, strict=True)))
            self._mask_since(min(one.start_ms for one in found))
        elif may_be_part(event.text, going_on):
            speaker.waiting.append(event)
            if len(speaker.waiting) > _MOST_WAITING:
                self._let_go(speaker)
        elif not (going_on and is_filler(event.text)):
            self._let_go(speaker)
            speaker.lately.clear()

    def _found(self, speaker: _Speaker, spans: Mapping[str, _Spans]) -> None:
        for place, event in enumerate(self._queue):
            if isinstance(event, Utterance) and event.utterance_id in spans:
                self._queue[place] = self._without(event, spans[event.utterance_id], CARD)
        speaker.waiting.clear()
        speaker.lately.clear()

    def _mask_since(self, since_ms: int) -> None:
        self._news.append(CardNews("card-spoken", since_ms))
        self.masked(since_ms)

    def _let_go(self, speaker: _Speaker) -> None:
        speaker.lately += speaker.waiting
        speaker.waiting.clear()

    def _ready(self) -> Iterator[TranscriptEvent]:
        waiting = {one.utterance_id for speaker in self._speakers.values() for one in speaker.waiting}
        while self._queue:
            first = self._queue[0]
            if isinstance(first, Utterance) and first.utterance_id in waiting:
                return
            yield self._checked(self._queue.popleft())

    def _checked(self, event: TranscriptEvent) -> TranscriptEvent:
        match event:
            case Utterance() if self._is_masked(event.start_ms, event.end_ms):
                return self._without(event, long_digit_spans(event.text, _IN_MASKED_DIGITS), DIGITS)
            case Quarantined():
                fewest = _IN_MASKED_DIGITS if self._is_masked(event.start_ms, event.end_ms) else None
                spans = long_digit_spans(event.text, fewest or _UNBELIEVED_DIGITS)
                return replace(event, text=hidden(event.text, spans, DIGITS)) if spans else event
            case SpeakersFound() if event.utterance_id in self._hidden:
                return replace(event, words=_words_without(event.words, DIGITS))
            case NotAssisted() | VoiceChanged() | _:
                return event

    def _is_masked(self, start_ms: int, end_ms: int) -> bool:
        return any(end_ms > begin and (end is None or start_ms < end) for begin, end in self._masked)

    def _without(self, event: Utterance, spans: _Spans, by: str) -> Utterance:
        if not spans and not any(long_digit_spans(word.heard, 1) for word in event.words):
            return event
        self._hidden[event.utterance_id] = None
        while len(self._hidden) > _MOST_HIDDEN:
            del self._hidden[next(iter(self._hidden))]
        return replace(event, text=hidden(event.text, spans, by), words=_words_without(event.words, by))

    def _bulleted(self, event: Partial) -> Partial:
        """Long numbers as bullets; each character keeps its place.

        What has been shown as stable stays as it was shown: a number may turn out to be long only later.
        """
        fewest = _IN_MASKED_DIGITS if self._is_masked(event.start_ms, event.end_ms) else _SHOWN_DIGITS
        going_on = self._speakers[event.channel.index].waiting
        spans = long_digit_spans(_text(event), 1 if going_on else fewest)
        text = _replaced(_text(event), spans, lambda part: "●" * len(part))
        cut = len(event.stable)
        of, shown = self._shown.get(event.channel.index, ("", ""))
        stable = (shown if of == event.utterance_id else "")[:cut]
        stable += text[len(stable) : cut]
        self._shown[event.channel.index] = (event.utterance_id, stable)
        return replace(event, stable=stable, unstable=text[cut:])


def _text(event: Partial) -> str:
    return event.stable + event.unstable


def _replaced(text: str, spans: Sequence[tuple[int, int]], by: Callable[[str], str]) -> str:
    parts, at = [], 0
    for start, end in spans:
        parts += [text[at:start], by(text[start:end])]
        at = end
    return "".join([*parts, text[at:]])


def _words_without(words: Sequence[Word], by: str) -> tuple[Word, ...]:
    """Words of which no digit is left; those of one number become one word over its time."""
    text = "".join(word.text for word in words)
    spans = long_digit_spans(text, 1)
    kept: list[Word] = []
    at, last_span = 0, -1
    for word in words:
        begin, at = at, at + len(word.text)
        number = next((n for n, (start, end) in enumerate(spans) if begin < end and at > start), -1)
        if number < 0:
            kept.append(replace(word, heard="") if long_digit_spans(word.heard, 1) else word)
        elif number == last_span:
            kept[-1] = replace(kept[-1], end_ms=max(kept[-1].end_ms, word.end_ms))
        else:
            kept.append(replace(word, text=by, heard=""))
        last_span = number if number >= 0 else last_span
    return tuple(kept)
