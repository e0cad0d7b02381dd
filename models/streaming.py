"""The streaming policy of one channel: which windows to ask for, and what their answers become. Pure.

Judged windows go in; questions for the recogniser come out. Answers go in; transcript events come out. There
are no tasks, clocks or sockets here: the caller asks, cancels what is unwanted and says what time it is.

* While someone speaks, partials: text of which the stable part is only ever extended.
* At a short pause the final is asked for in advance. If the speech does not go on, that answer is the
  utterance's and the endpoint's silence has cost no time; if it does, the answer still serves as a partial.
  When the answer says that the sentence is complete, a shorter silence ends it.
* One final per utterance, in order, as an `Utterance`, a `Quarantined` or a `NotAssisted`; immutable from
  then on. It comes from the whole utterance's audio and may put words otherwise than the partials before it:
  holding it to them cost two to three points of CER (docs/adr/0010). A sound in which no words were found,
  and of which none were shown, gives no event.
* A forced cut falls between two words, and what follows is recognised with the text before it as context.
* The pool's load decides how often partials are asked for and how long the pauses within an utterance may be.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, assert_never

from koemori.models.agreement import StablePrefix
from koemori.models.errors import ModelError
from koemori.models.phantom import PhantomGuard
from koemori.models.ports import Load, LoadLevel, Purpose
from koemori.models.questions import ListenerConfig, ListenerCounts, Question
from koemori.models.segmenter import (
    WINDOW_MS,
    Segmenter,
    SegmenterEvent,
    SpeechEnded,
    SpeechPaused,
    SpeechWindow,
)
from koemori.models.sentence_ends import is_complete
from koemori.models.types import (
    Hypothesis,
    NotAssisted,
    Partial,
    Quarantined,
    TranscriptEvent,
    Utterance,
    Word,
)

if TYPE_CHECKING:
    import numpy as np
    from koemori.audio.call import Channel
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

NO_TEXT = "no_text"
"""Reason of a `Quarantined` whose final held no words although partials had shown some."""


@dataclass(slots=True, eq=False)
class _Spoken:
    """The utterance going on, from its first question."""

    utterance_id: str
    start_ms: int
    asked_until_ms: int
    prefix: StablePrefix = field(default_factory=StablePrefix)
    revision: int = 0
    words: tuple[Word, ...] = ()
    """Of the newest answer that was believed."""


class StreamingPolicy:
    """See the module.

    Args:
        channel: The channel.
        config: How.
        counts: The call's counters.
    """

    def __init__(self, channel: Channel, config: ListenerConfig, counts: ListenerCounts) -> None:
        self._channel = channel
        self._config = config
        self._counts = counts
        self._guard = PhantomGuard(config.guard)
        self._segmenter = Segmenter(channel, config.segmenter)
        self._spoken: _Spoken | None = None
        self._context = ""
        self._context_ends_ms = 0
        self._partial: Question | None = None
        self._advance: Question | None = None
        self._finals: deque[tuple[Question, bool]] = deque()
        self._questions: list[Question] = []
        self._unwanted: list[Question] = []
        self._events: deque[TranscriptEvent] = deque()
        self._deaf_since_ms: int | None = None
        self._load = Load()

    @property
    def pending_ms(self) -> int:
        """Speech whose final is awaited."""
        segments = [final.window.segment for final, _ in self._finals]
        return sum(segment.end_ms - segment.start_ms for segment in segments)

    @property
    def finals_from_ms(self) -> int:
        """Media time before which no final that is still to come, or to be taken, ends."""
        closing = (Utterance, Quarantined, NotAssisted)
        ends = [event.end_ms for event in self._events if isinstance(event, closing)]
        ends += [final.window.speech_end_ms for final, _ in self._finals]
        return min(ends, default=self._segmenter.settled_ms)

    @property
    def position_ms(self) -> int:
        """Media time just after the last window."""
        return self._segmenter.position_ms

    @property
    def utterance_ready(self) -> bool:
        """True when an utterance waits to be taken."""
        return any(isinstance(event, Utterance) for event in self._events)

    @property
    def settled(self) -> bool:
        """True when nothing is awaited and no event waits to be taken."""
        return not self._finals and not self._events

    def hear(self, window: NDArray[np.float32], probability: float, load: Load, now_ms: float) -> None:
        """Add a window of 512 samples at 16 kHz with its speech probability."""
        self._hear_again()
        self._load = load
        self._segmenter.large = load.level >= LoadLevel.LARGE_WINDOWS
        self._handle(self._segmenter.push(window, probability), now_ms)
        self._end_if_complete(now_ms)
        self._ask_partial_if_due(now_ms)

    def hear_nothing(self, now_ms: float) -> None:
        """Note a window that the detector failed on."""
        if self._deaf_since_ms is None:
            self._deaf_since_ms = self._segmenter.position_ms
        self._handle(self._segmenter.jump(self._segmenter.position_ms + WINDOW_MS), now_ms)

    def jump(self, position_ms: int, left_out_ms: tuple[int, int] | None, now_ms: float) -> None:
        """The timeline goes on at `position_ms`; of `left_out_ms` (start, end) the audio was dropped."""
        self._hear_again()
        self._handle(self._segmenter.jump(position_ms), now_ms)
        if left_out_ms is not None:
            self._leave_out(*left_out_ms, reason="overload")

    def end(self, now_ms: float) -> None:
        """No more audio comes: end what was being said."""
        self._hear_again()
        self._handle(self._segmenter.flush(), now_ms)

    def answer(self, question: Question, answer: Hypothesis | BaseException, now_ms: float) -> None:
        """Give the answer to a question, or why there is none."""
        question.answer, question.answered_ms = answer, now_ms
        self._ask_again_if_failed(question)
        self._settle_answered(now_ms)
        self._show_partial(now_ms)
        self._end_if_complete(now_ms)

    def questions(self) -> Iterator[Question]:
        """Take the questions to ask now, in order."""
        while self._questions:
            yield self._questions.pop(0)

    def unwanted(self) -> Iterator[Question]:
        """Take the questions whose answers nobody waits for any more."""
        while self._unwanted:
            yield self._unwanted.pop(0)

    def events(self) -> Iterator[TranscriptEvent]:
        """Take the events that are ready, in order."""
        while self._events:
            yield self._events.popleft()

    def _handle(self, events: list[SegmenterEvent], now_ms: float) -> None:
        for event in events:
            match event:
                case SpeechPaused(window):
                    self._ask_in_advance(window, now_ms)
                case SpeechEnded(window, forced):
                    self._ask_final(window, forced, now_ms)
                case _:
                    assert_never(event)

    def _ask(self, window: SpeechWindow, purpose: Purpose, now_ms: float) -> Question:
        waited_ms = max(0, self._segmenter.position_ms - window.speech_end_ms)
        follows = window.segment.start_ms == self._context_ends_ms
        prompt = self._config.prompt + (self._context if follows else "")
        question = Question(window, purpose, prompt, now_ms, waited_ms)
        self._questions.append(question)
        return question

    def _ask_again_if_failed(self, question: Question) -> None:
        """An advance may be refused where a final is not: one that has become the final is asked again."""
        if question.purpose is not Purpose.ADVANCE or isinstance(question.answer, Hypothesis):
            return
        for place, (final, had_partials) in enumerate(self._finals):
            if final is question:
                again = replace(question, purpose=Purpose.FINAL, answer=None)
                self._finals[place] = (again, had_partials)
                self._questions.append(again)

    def _drop(self, question: Question) -> None:
        if not question.answered:
            self._unwanted.append(question)

    def _utterance(self, window: SpeechWindow) -> _Spoken:
        if self._spoken is None:
            self._spoken = _Spoken(
                utterance_id=f"{self._channel.index}-{window.speech_start_ms}",
                start_ms=window.speech_start_ms,
                asked_until_ms=window.speech_start_ms,
            )
        return self._spoken

    def _ask_partial_if_due(self, now_ms: float) -> None:
        spoken_ms = self._segmenter.current_speech_end_ms
        off = not self._config.partials or self._load.level >= LoadLevel.PARTIALS_OFF
        busy = self._partial is not None or (self._advance is not None and not self._advance.answered)
        if off or busy or spoken_ms is None:
            return
        interval_ms = max(self._config.partial_interval_ms, self._load.partial_interval_ms)
        if self._spoken is not None and spoken_ms - self._spoken.asked_until_ms < interval_ms:
            return
        window = self._segmenter.current()
        if window is None or spoken_ms - self._utterance(window).asked_until_ms < interval_ms:
            return
        self._utterance(window).asked_until_ms = spoken_ms
        self._counts.partials_asked += 1
        self._partial = self._ask(window, Purpose.PARTIAL, now_ms)

    def _ask_in_advance(self, window: SpeechWindow, now_ms: float) -> None:
        if self._load.waiting or self._segmenter.large:
            return
        self._drop_partial()
        if self._advance is not None:
            self._drop(self._advance)
        self._utterance(window).asked_until_ms = window.speech_end_ms
        self._counts.finals_in_advance += 1
        self._advance = self._ask(window, Purpose.ADVANCE, now_ms)

    def _end_if_complete(self, now_ms: float) -> None:
        advance = self._advance
        if (
            advance is not None
            and isinstance(advance.answer, Hypothesis)
            and advance.window.speech_end_ms == self._segmenter.current_speech_end_ms
            and is_complete(advance.answer.text)
        ):
            self._handle(self._segmenter.complete(advance.window.speech_end_ms), now_ms)

    def _ask_final(self, window: SpeechWindow, forced: bool, now_ms: float) -> None:
        spoken = self._utterance(window)
        self._drop_partial()
        advance, self._advance = self._advance, None
        self._counts.finals_asked += 1
        if advance is not None and _answers(advance, window):
            self._counts.finals_in_advance_used += 1
            final = advance
        else:
            if advance is not None:
                self._drop(advance)
            final = self._ask(window, Purpose.FINAL, now_ms)
        self._finals.append((final, spoken.revision > 0))
        self._context_ends_ms = window.segment.end_ms
        self._context = self._text_until(spoken, window.segment.end_ms) if forced else ""
        self._segmenter.note_word_ends(())
        self._spoken = None
        self._settle_answered(now_ms)

    def _text_until(self, spoken: _Spoken, cut_ms: int) -> str:
        """The end of the text whose words are over at the cut; a word's border is known to a window or so."""
        text = "".join(word.text for word in spoken.words if word.end_ms <= cut_ms + WINDOW_MS)
        return text[-self._config.context_characters :] if self._config.context_characters else ""

    def _drop_partial(self) -> None:
        if self._partial is not None:
            self._drop(self._partial)
            self._partial = None
            self._counts.partials_dropped += 1

    def _show_partial(self, now_ms: float) -> None:
        """Turn the newest answer for the utterance going on into a partial."""
        question = self._partial
        if question is not None and question.answered:
            self._partial = None
        else:
            question = self._advance
        if question is None or question.shown or not question.answered or self._spoken is None:
            return
        question.shown = True
        hypothesis = question.answer
        if not isinstance(hypothesis, Hypothesis):
            self._counts.partials_dropped += question.purpose is Purpose.PARTIAL
            return
        self._segmenter.note_word_ends(tuple(word.end_ms for word in hypothesis.words))
        if not self._guard.believes_partial(hypothesis):
            return
        spoken = self._spoken
        spoken.words = hypothesis.words
        if not self._config.partials:
            return
        text = spoken.prefix.push(hypothesis.text)
        spoken.revision += 1
        self._events.append(
            Partial(
                channel=self._channel,
                utterance_id=spoken.utterance_id,
                revision=spoken.revision,
                start_ms=spoken.start_ms,
                end_ms=question.window.speech_end_ms,
                stable=text.stable,
                unstable=text.unstable,
                timing=question.timing(now_ms),
            )
        )

    def _settle_answered(self, now_ms: float) -> None:
        while self._finals and self._finals[0][0].answered:
            final, had_partials = self._finals.popleft()
            self._events.extend(self._settle(final, had_partials, now_ms))

    def _settle(self, final: Question, had_partials: bool, now_ms: float) -> Iterator[TranscriptEvent]:
        window, hypothesis = final.window, final.answer
        start_ms, end_ms = window.speech_start_ms, window.speech_end_ms
        utterance_id = f"{self._channel.index}-{start_ms}"
        if not isinstance(hypothesis, Hypothesis):
            reason = hypothesis.code if isinstance(hypothesis, ModelError) else "error"
            log.warning(
                "an utterance was not transcribed",
                extra={"call_id": self._channel.call_id, "reason": reason},
            )
            self._counts.not_assisted_ms += end_ms - start_ms
            yield NotAssisted(self._channel, start_ms, end_ms, reason, utterance_id)
            return
        text = hypothesis.text.strip()
        doubt = self._guard.judge(window, hypothesis) if text else NO_TEXT
        timing = final.timing(now_ms)
        if doubt is None:
            yield Utterance(
                channel=self._channel,
                utterance_id=utterance_id,
                start_ms=start_ms,
                end_ms=end_ms,
                text=text,
                words=hypothesis.words,
                language=hypothesis.language,
                model_id=hypothesis.model_id,
                timing=timing,
            )
        elif text or had_partials:
            self._counts.quarantined += 1
            yield Quarantined(self._channel, start_ms, end_ms, text, str(doubt), utterance_id, timing)

    def _hear_again(self) -> None:
        if self._deaf_since_ms is not None:
            self._leave_out(self._deaf_since_ms, self._segmenter.position_ms, reason="vad")
            self._deaf_since_ms = None

    def _leave_out(self, start_ms: int, end_ms: int, reason: str) -> None:
        self._counts.not_assisted_ms += end_ms - start_ms
        self._events.append(NotAssisted(self._channel, start_ms, end_ms, reason))


def _answers(advance: Question, window: SpeechWindow) -> bool:
    """True when the final asked in advance covers the same speech and has not failed."""
    return (
        advance.window.speech_start_ms == window.speech_start_ms
        and advance.window.speech_end_ms == window.speech_end_ms
        and (advance.answer is None or isinstance(advance.answer, Hypothesis))
    )
