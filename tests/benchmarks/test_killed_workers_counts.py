"""What the benchmark of killed workers counts as lost: not what was refused aloud or not believed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.audio.frames import GapCause
from koemori.models.errors import TranscriptionError, WorkerPoolBusyError
from koemori.models.ports import Load, Purpose, TranscriptionRequest
from koemori.models.types import Hypothesis, SpeechSegment
from koemori.server.bench.playing import Played, Said
from koemori.server.bench.tapes import Tape, Turn
from koemori.server.wire import GapEvent, QuarantinedEvent, UtteranceEvent, WireEvent

from benchmarks.killed_workers import (
    Asked,
    CountingPool,
    harmed,
    out_of_order,
    overlapping,
    requests,
    turns,
    twice,
    unsaid,
)

pytestmark = pytest.mark.unit

HEAD: dict[str, Any] = {"call_id": "01CALL", "seq": 1, "emitted_ms": None}
CUSTOMER = Channel(CallId("01CALL"), LegId("1"), 1, ChannelRole.CUSTOMER, "test")


def said(start_ms: int, end_ms: int, name: str = "") -> UtteranceEvent:
    return UtteranceEvent(
        **HEAD,
        at_ms=end_ms,
        speaker=ChannelRole.CUSTOMER,
        utterance_id=name or f"1-{start_ms}",
        start_ms=start_ms,
        end_ms=end_ms,
        text="はい",
        model_id="m",
    )


def gap(start_ms: int, end_ms: int, channel: int = 1, cause: GapCause = GapCause.NOT_ASSISTED) -> GapEvent:
    duration_ms = end_ms - start_ms
    return GapEvent(
        **HEAD, at_ms=end_ms, channel=channel, start_ms=start_ms, duration_ms=duration_ms, cause=cause
    )


def doubted(start_ms: int, end_ms: int) -> QuarantinedEvent:
    return QuarantinedEvent(
        **HEAD,
        at_ms=end_ms,
        speaker=ChannelRole.CUSTOMER,
        start_ms=start_ms,
        end_ms=end_ms,
        text="あ",
        reason="r",
    )


def played(*events: WireEvent, spoken: tuple[tuple[int, int], ...] = ()) -> Played:
    roles = (ChannelRole.AGENT, ChannelRole.CUSTOMER)
    script = tuple(Turn("customer", start_ms, end_ms) for start_ms, end_ms in spoken)
    tape = Tape("t", 8000, np.zeros((2, 8000), np.int16), roles, script)
    return Played(tape, 1.0, tuple(Said(event, event.at_ms) for event in events), None, 1.0)


def test_a_turn_that_nothing_tells_of_is_lost_and_one_that_was_refused_aloud_is_not() -> None:
    spoken = ((0, 2000), (5000, 7000), (10_000, 12_000), (15_000, 17_000), (20_000, 22_000))
    call = played(
        said(0, 2000),
        gap(5200, 7000),
        doubted(10_000, 12_000),
        gap(15_000, 17_000, channel=0),
        gap(20_000, 22_000, cause=GapCause.LOST),
        spoken=spoken,
    )
    assert turns(call) == {"heard": 1, "shed": 1, "quarantined": 1, "lost": 2}


def test_what_is_said_twice_over_again_or_too_late_is_counted() -> None:
    assert (twice(played(said(0, 900), said(0, 900))), twice(played(said(0, 900), said(900, 1000)))) == (1, 0)
    late = played(said(5000, 6000), said(0, 2000))
    assert (out_of_order(late), overlapping(late)) == (1, 1)
    again = played(said(0, 2000, "a"), said(1500, 3000, "b"))
    assert (out_of_order(again), overlapping(again)) == (0, 1)


def asked(start_ms: int, end_ms: int, outcome: str, text: str = "はい") -> Asked:
    segment = SpeechSegment(CUSTOMER, start_ms, end_ms, np.zeros(0, np.float32))
    return Asked(TranscriptionRequest(segment, Purpose.FINAL), outcome, text)


def test_an_answer_with_words_must_be_told_of() -> None:
    answers = [asked(0, 2000, "answered"), asked(5000, 7000, "answered"), asked(9000, 9900, "answered", "")]
    assert unsaid(played(said(200, 1800), doubted(5200, 6900)), answers) == 0
    assert unsaid(played(said(200, 1800)), answers) == 1
    assert unsaid(played(said(200, 1800)), [asked(5000, 7000, "shed")]) == 0


class Scripted:
    """A pool that does with each request what its prompt says."""

    model_id, capacity, load = "m", 1, Load()

    async def transcribe(self, request: TranscriptionRequest) -> Hypothesis:
        match request.prompt:
            case "busy":
                raise WorkerPoolBusyError(1)
            case "broken":
                raise TranscriptionError("a reason")
            case "never":
                await asyncio.Event().wait()
        return Hypothesis((), "はい", "ja", 1000, "m", 0.0, 0.0, 1.0)

    async def aclose(self) -> None: ...


async def test_each_request_is_counted_by_what_became_of_it() -> None:
    pool = CountingPool(Scripted())
    request = asked(0, 1000, "").request
    waiting = [
        asyncio.create_task(pool.transcribe(replace(request, prompt=prompt)))
        for prompt in ("", "busy", "broken", "never", "never")
    ]
    await asyncio.wait(waiting, timeout=0.01)
    waiting[3].cancel()
    await asyncio.wait(waiting[:4])
    counted = requests(pool.asked)["final"]
    assert counted == {"answered": 1, "shed": 1, "failed": 1, "dropped": 1, "unanswered": 1}
    waiting[4].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize(
    "harm",
    [{"twice": 1}, {"answers_unsaid": 1}, {"turns": {"lost": 2}}, {"final": {"failed": 1}}, {"restarts": 3}],
)
def test_any_loss_is_harm_and_what_is_lost_without_kills_too_is_none(harm: dict[str, Any]) -> None:
    good: dict[str, Any] = {
        "workers": 1,
        "kills": 5,
        "restarts": 5,
        "twice": 0,
        "out_of_order": 0,
        "overlapping": 0,
        "answers_unsaid": 0,
        "requests": {"final": {"failed": 0, "unanswered": 0}},
        "turns": {"lost": 1},
    }
    assert not harmed(good, {"turns": {"lost": 1}})
    final = {"failed": 0, "unanswered": 0} | harm.pop("final", {})
    assert harmed({**good, "requests": {"final": final}, **harm}, {"turns": {"lost": 1}})
