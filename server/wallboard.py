"""Waits, service level and abandons, computed from the events of the phone systems.

A pure function: events in, figures out. Events may come in any order and more than once; they are sorted by
the time at which they occurred and counted once per (source, event_id), so a late event corrects the figures
as if it had been in time.

One *visit* is one wait of one call in one queue. A transfer or a return to a queue is a new visit, whose wait
begins anew: each queue answers for its own waiting. A visit ends in one of four ways:

- answered: `agent.connected` follows; `queue.left` alone is no answer, since Asterisk sends it before the
  answer, and after an abandon as well;
- abandoned: `queue.abandoned`, or `call.ended` while it still waits;
- left otherwise: it joins another queue, is transferred, or leaves and nothing else follows;
- not at all yet: it is waiting.

A visit whose beginning is not known (its `queue.joined` has not come) and whose event carries no `wait_s`
enters no figure; it is counted as incomplete until the late event arrives.

Service level, average speed of answer (ASA) and abandon rate follow the usual contact-centre definitions,
with callers who hang up within the short-abandon threshold counted apart: nobody could have served them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from koemori.server.cti.schema import EventType

DEFAULT_THRESHOLD_S: Final = 20
DEFAULT_SHORT_ABANDON_S: Final = 5


@dataclass(frozen=True, slots=True)
class QueueEvent:
    """What the figures need of an operational event."""

    source: str
    event_id: str
    occurred_at: datetime
    type: EventType
    call_id: str
    queue: str | None = None
    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How a queue is judged: seconds, both inclusive for the caller's good.

    A call answered after exactly `answer_s` is in time; one given up before `short_abandon_s` is short.
    """

    answer_s: int = DEFAULT_THRESHOLD_S
    short_abandon_s: int = DEFAULT_SHORT_ABANDON_S


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """How one queue did in the interval, and who waits now; shares are None while they divide by nothing."""

    queue: str
    waiting: int
    longest_wait_s: float | None
    service_level: float | None
    service_level_threshold_s: int
    answered: int
    abandoned: int
    short_abandoned: int
    left_otherwise: int
    incomplete: int
    asa_s: float | None
    abandon_rate: float | None


@dataclass(frozen=True, slots=True)
class FigureFormula:
    """How a figure is computed, in words, and after whom."""

    formula: str
    source: str


_USUAL = "Usual contact-centre definition; threshold per queue in [queues.<name>]"
FORMULAS: Mapping[str, FigureFormula] = {
    "waiting": FigureFormula("calls that joined the queue and were not answered, gave up or left", "events"),
    "longest_wait_s": FigureFormula("now - earliest queue.joined among the waiting", "events"),
    "service_level": FigureFormula(
        "answered within threshold / (answered + abandoned); short abandons left out", _USUAL
    ),
    "asa_s": FigureFormula("sum of waits of answered calls / answered", _USUAL),
    "abandon_rate": FigureFormula("abandoned / (answered + abandoned); short abandons left out", _USUAL),
    "short_abandoned": FigureFormula("calls that gave up before short_abandon_s", _USUAL),
}


class _Outcome(Enum):
    WAITING = auto()
    LEFT = auto()
    ANSWERED = auto()
    ABANDONED = auto()


@dataclass(slots=True)
class _Visit:
    queue: str
    joined_at: datetime | None
    outcome: _Outcome = _Outcome.WAITING
    closed_at: datetime | None = None
    wait_s: float | None = None

    def close(self, outcome: _Outcome, event: QueueEvent) -> None:
        """End the wait; one that `queue.left` ended keeps that time and learns its outcome."""
        if self.closed_at is None:
            self.closed_at = event.occurred_at
            if self.joined_at is not None:
                self.wait_s = (event.occurred_at - self.joined_at).total_seconds()
        if self.joined_at is None:
            self.wait_s = event.wait_s
        self.outcome = outcome


@dataclass(slots=True)
class _Call:
    """The visits of one call, oldest first; only the last can be open."""

    visits: list[_Visit] = field(default_factory=list)

    def apply(self, event: QueueEvent) -> None:
        match event.type:
            case EventType.QUEUE_JOINED if event.queue is not None:
                self._join(event, event.queue)
            case EventType.QUEUE_LEFT:
                self._end(event, _Outcome.LEFT, {_Outcome.WAITING})
            case EventType.QUEUE_ABANDONED:
                self._end(event, _Outcome.ABANDONED, {_Outcome.WAITING, _Outcome.LEFT})
            case EventType.AGENT_CONNECTED:
                self._end(event, _Outcome.ANSWERED, {_Outcome.WAITING, _Outcome.LEFT})
            case EventType.CALL_TRANSFERRED:
                self._end(event, _Outcome.LEFT, {_Outcome.WAITING}, known_only=True)
            case EventType.CALL_ENDED:
                self._end(event, _Outcome.ABANDONED, {_Outcome.WAITING}, known_only=True)
            case _:
                pass

    def _join(self, event: QueueEvent, queue: str) -> None:
        last = self.visits[-1] if self.visits else None
        if last is not None and last.outcome is _Outcome.WAITING:
            if last.queue == queue:
                return
            last.close(_Outcome.LEFT, event)
        self.visits.append(_Visit(queue, event.occurred_at))

    def _end(
        self, event: QueueEvent, outcome: _Outcome, when: set[_Outcome], *, known_only: bool = False
    ) -> None:
        last = self.visits[-1] if self.visits else None
        fits = last is not None and event.queue in (None, last.queue)
        if last is not None and fits and last.outcome in when:
            last.close(outcome, event)
        elif (
            not known_only
            and event.queue is not None
            and outcome is not _Outcome.LEFT
            and not (last is not None and fits)
        ):
            visit = _Visit(event.queue, None)
            visit.close(outcome, event)
            self.visits.append(visit)


def figures(
    events: Iterable[QueueEvent],
    *,
    since: datetime,
    at: datetime,
    thresholds: Mapping[str, Thresholds],
) -> list[QueueFigures]:
    """How each queue is doing.

    Args:
        events: Those that are known, in any order, duplicates included. They should reach back further than
            `since`, by the longest wait that is believable; a wait whose beginning is older is not seen.
        since: Start of the interval; a visit belongs to the interval in which it ended.
        at: Now. Events after it are left out.
        thresholds: Per queue; queues named here appear even without events.

    Returns:
        One entry per queue, by name.
    """
    visits: dict[str, list[_Visit]] = {queue: [] for queue in thresholds}
    for call in _calls(events, at).values():
        for visit in call.visits:
            visits.setdefault(visit.queue, []).append(visit)
    return [
        _figures_of(queue, visits[queue], thresholds.get(queue, Thresholds()), since, at)
        for queue in sorted(visits)
    ]


def _calls(events: Iterable[QueueEvent], at: datetime) -> dict[str, _Call]:
    once = {(event.source, event.event_id): event for event in events if event.occurred_at <= at}
    calls: dict[str, _Call] = {}
    for event in sorted(once.values(), key=lambda event: event.occurred_at):
        calls.setdefault(event.call_id, _Call()).apply(event)
    return calls


def _figures_of(
    queue: str, visits: list[_Visit], limits: Thresholds, since: datetime, at: datetime
) -> QueueFigures:
    waiting = [visit.joined_at for visit in visits if visit.outcome is _Outcome.WAITING and visit.joined_at]
    ended = [visit for visit in visits if visit.closed_at is not None and visit.closed_at >= since]
    answered = _waits(ended, _Outcome.ANSWERED)
    given_up = _waits(ended, _Outcome.ABANDONED)
    short = [wait_s for wait_s in given_up if wait_s < limits.short_abandon_s]
    abandoned = len(given_up) - len(short)
    served = len(answered) + abandoned
    in_time = sum(1 for wait_s in answered if wait_s <= limits.answer_s)
    return QueueFigures(
        queue=queue,
        waiting=len(waiting),
        longest_wait_s=(at - min(waiting)) / timedelta(seconds=1) if waiting else None,
        service_level=in_time / served if served else None,
        service_level_threshold_s=limits.answer_s,
        answered=len(answered),
        abandoned=abandoned,
        short_abandoned=len(short),
        left_otherwise=sum(1 for visit in ended if visit.outcome is _Outcome.LEFT),
        incomplete=sum(1 for visit in ended if visit.outcome is not _Outcome.LEFT and visit.wait_s is None),
        asa_s=sum(answered) / len(answered) if answered else None,
        abandon_rate=abandoned / served if served else None,
    )


def _waits(visits: list[_Visit], outcome: _Outcome) -> list[float]:
    return [visit.wait_s for visit in visits if visit.outcome is outcome and visit.wait_s is not None]
