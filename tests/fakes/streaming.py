"""One channel's streaming policy in virtual time: windows every 32 ms, answers when the script says."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from koemori.models.ports import Load, LoadLevel, Purpose
from koemori.models.questions import ListenerConfig, ListenerCounts, Question
from koemori.models.segmenter import WINDOW_MS, WINDOW_SAMPLES
from koemori.models.streaming import StreamingPolicy
from koemori.models.types import (
    Hypothesis,
    NotAssisted,
    Partial,
    Quarantined,
    TranscriptEvent,
    Utterance,
    Word,
    WorkTime,
)
from numpy.typing import NDArray

from tests.fakes.models import CUSTOMER, hypothesis

Closing = Utterance | Quarantined | NotAssisted
Answer = tuple[Hypothesis | BaseException, float] | None
"""What a question is answered and after how many milliseconds; None: never."""

CHARACTER_MS = 250


def samples_of(level: float) -> NDArray[np.float32]:
    """A window of one level."""
    return np.full(WINDOW_SAMPLES, level, dtype=np.float32)


def heard(question: Question, text: str) -> Hypothesis:
    """A text spread evenly over the speech of a window, as one word a character."""
    start_ms, end_ms = question.window.speech_start_ms, question.window.speech_end_ms
    borders = [start_ms + (end_ms - start_ms) * place // max(1, len(text)) for place in range(len(text) + 1)]
    words = [
        Word(character, begin, end, 0.9)
        for character, begin, end in zip(text, borders, borders[1:], strict=False)
    ]
    return replace(hypothesis(text), words=tuple(words))


def growing(question: Question) -> str:
    """A character for each 250 ms; the same audio gives the same text, whoever asks."""
    script = "あかさたなはまやらわいきしちにひみりうくすつぬふむゆるえけせてねへめれおこそとのほもよろん"
    first = question.window.speech_start_ms // CHARACTER_MS
    last = question.window.speech_end_ms // CHARACTER_MS
    return "".join(script[place % len(script)] for place in range(first, last)) or "ん"


def same_delay(delay_ms: float = 100, text: Callable[[Question], str] = growing) -> Callable[..., Answer]:
    """Answer everything after the same time."""
    return lambda question: (heard(question, text(question)), delay_ms)


@dataclass(eq=False)
class VirtualChannel:
    """Drives a policy as `ChannelListener` does, and checks its promises at each step.

    Attributes:
        say: Answers questions.
        pace: Whether a jump of the timeline takes its time.
    """

    say: Callable[[Question], Answer] = field(default_factory=same_delay)
    config: ListenerConfig = field(default_factory=ListenerConfig)
    load: Load = field(default_factory=Load)
    now_ms: float = 10_000.0
    counts: ListenerCounts = field(default_factory=ListenerCounts)
    asked: list[Question] = field(default_factory=list)
    answered: list[Question] = field(default_factory=list)
    unwanted: list[Question] = field(default_factory=list)
    under_way: list[Question] = field(default_factory=list)
    events: list[TranscriptEvent] = field(default_factory=list)
    at_ms: list[float] = field(default_factory=list)
    """When each event came."""
    heard_at: dict[int, float] = field(default_factory=dict)
    """When the audio up to a media time had been heard."""
    promised_ms: int = 0
    policy: StreamingPolicy = field(init=False)
    _due: list[tuple[float, int, Question, Hypothesis | BaseException]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.policy = StreamingPolicy(CUSTOMER, self.config, self.counts)

    @property
    def partials(self) -> list[Partial]:
        return [event for event in self.events if isinstance(event, Partial)]

    @property
    def closings(self) -> list[Closing]:
        """What became of utterances, spans that never reached the recogniser left out."""
        closed = [event for event in self.events if isinstance(event, Closing)]
        return [event for event in closed if event.utterance_id]

    @property
    def utterances(self) -> list[Utterance]:
        return [event for event in self.events if isinstance(event, Utterance)]

    def purposes(self, purpose: Purpose) -> list[Question]:
        return [question for question in self.asked if question.purpose is purpose]

    def speak(self, duration_ms: int, level: float = 0.1) -> None:
        self.hear(0.95, duration_ms // WINDOW_MS, level)

    def pause(self, duration_ms: int) -> None:
        self.hear(0.0, duration_ms // WINDOW_MS, 0.0)

    def hear(self, probability: float, windows: int = 1, level: float = 0.1) -> None:
        window = samples_of(level)
        for _ in range(windows):
            self._pass(WINDOW_MS)
            self.policy.hear(window, probability, self.load, self.now_ms)
            self._take()

    def go_deaf(self, windows: int) -> None:
        """The detector fails."""
        for _ in range(windows):
            self._pass(WINDOW_MS)
            self.policy.hear_nothing(self.now_ms)
            self._take()

    def jump(self, gap_ms: int, left_out: bool = False) -> None:
        """Nothing comes for a while, or it is dropped."""
        start_ms = self.policy.position_ms
        self._pass(gap_ms)
        span = (start_ms, start_ms + gap_ms) if left_out else None
        self.policy.jump(start_ms + gap_ms, span, self.now_ms)
        self._take()

    def finish(self) -> None:
        """The call ends, and every answer that is due some time comes."""
        self.policy.end(self.now_ms)
        self._take()
        while self._due:
            self._pass(max(0.0, self._due[0][0] - self.now_ms))

    def _pass(self, duration_ms: float) -> None:
        until_ms = self.now_ms + duration_ms
        while self._due and self._due[0][0] <= until_ms:
            self.now_ms, _, question, answer = heapq.heappop(self._due)
            if question in self.under_way:
                self.under_way.remove(question)
                self.answered.append(question)
                self.policy.answer(question, answer, self.now_ms)
                self._take()
        self.now_ms = until_ms

    def _take(self) -> None:
        self.heard_at.setdefault(self.policy.position_ms, self.now_ms)
        self.promised_ms = max(self.promised_ms, self.policy.finals_from_ms)
        for question in self.policy.questions():
            self._ask(question)
        for question in self.policy.unwanted():
            assert question in self.under_way
            self.under_way.remove(question)
            self.unwanted.append(question)
        for event in self.policy.events():
            if isinstance(event, Closing):
                assert event.end_ms >= self.promised_ms
            self.events.append(event)
            self.at_ms.append(self.now_ms)
        self.promised_ms = max(self.promised_ms, self.policy.finals_from_ms)
        self._check_under_way()

    def _ask(self, question: Question) -> None:
        assert question not in self.asked
        if question.purpose is Purpose.PARTIAL:
            assert self.load.level < LoadLevel.PARTIALS_OFF
        if question.purpose is Purpose.ADVANCE:
            assert self.load.level < LoadLevel.LARGE_WINDOWS
            assert not self.load.waiting
        self.asked.append(question)
        self.under_way.append(question)
        answer = self.say(question)
        if answer is None:
            return
        what, delay_ms = answer
        if isinstance(what, Hypothesis):
            what = replace(what, work=WorkTime(int(delay_ms / 4), int(delay_ms / 2)))
        heapq.heappush(self._due, (self.now_ms + delay_ms, len(self.asked), question, what))

    def _check_under_way(self) -> None:
        places = [(question.purpose, question.window.speech_start_ms) for question in self.under_way]
        assert len(places) == len(set(places))
        assert sum(purpose is Purpose.PARTIAL for purpose, _ in places) <= 1
        finals = self.policy.pending_ms
        assert (finals > 0) == (not self.policy.settled)

    def summary(self) -> list[Any]:
        """Everything that came out, to be compared with another run."""
        questions = [
            (
                question.purpose,
                question.window.speech_start_ms,
                question.window.speech_end_ms,
                question.prompt,
            )
            for question in self.asked
        ]
        return [self.events, self.at_ms, questions, self.counts]
