"""Figures count what they say they count."""

import numpy as np
import pytest
from koemori.assist.types import Category
from koemori.audio.call import ChannelRole
from koemori.audio.frames import GapCause
from koemori.server.bench.figures import (
    Span,
    character_errors,
    committed,
    distribution,
    emitted,
    not_assisted_ms,
    ranked_stages,
    spoken,
    stages,
    turns_heard,
)
from koemori.server.bench.playing import Played, Said
from koemori.server.bench.spelling import Errors
from koemori.server.bench.tapes import Tape, Turn
from koemori.server.wire import (
    STAGES,
    AlertEvent,
    GapEvent,
    PartialEvent,
    QuarantinedEvent,
    UtteranceEvent,
    WireEvent,
    WireStages,
)

pytestmark = pytest.mark.unit

ROLES = (ChannelRole.AGENT, ChannelRole.CUSTOMER)
TURNS = (Turn("customer", 900, 3100, "責任者を出せ"), Turn("agent", 4000, 5000, "はい"))


def utterance(
    start_ms: int, end_ms: int, name: str = "u", text: str = "あ", latency: WireStages | None = None
) -> UtteranceEvent:
    return UtteranceEvent(
        call_id="c",
        seq=1,
        at_ms=end_ms,
        speaker=ChannelRole.CUSTOMER,
        utterance_id=name,
        start_ms=start_ms,
        end_ms=end_ms,
        text=text,
        model_id="m",
        latency=latency,
    )


def partial(stable: str, name: str = "u", at_ms: int = 1500) -> PartialEvent:
    return PartialEvent(
        call_id="c",
        seq=1,
        at_ms=at_ms,
        speaker=ChannelRole.CUSTOMER,
        utterance_id=name,
        revision=1,
        stable=stable,
        unstable="い",
    )


def quarantined(name: str) -> QuarantinedEvent:
    return QuarantinedEvent(
        call_id="c",
        seq=1,
        at_ms=9,
        speaker=ChannelRole.CUSTOMER,
        utterance_id=name,
        start_ms=1,
        end_ms=9,
        text="",
        reason="no_speech",
    )


def alert(name: str, at_ms: int) -> AlertEvent:
    return AlertEvent(
        call_id="c",
        seq=1,
        at_ms=at_ms,
        alert_id="a",
        category=Category.THREAT,
        severity=2,
        harassment=True,
        rule_id="r",
        utterance_ids=(name,),
        quote="あ",
        explanation="x",
    )


def played(*said: tuple[WireEvent, int], speed: float = 1.0, turns: tuple[Turn, ...] = TURNS) -> Played:
    samples = np.zeros((2, 48_000), dtype=np.int16)
    tape = Tape("call", 8000, samples, ROLES, turns)
    return Played(tape, speed, tuple(Said(event, said_ms) for event, said_ms in said), None, 6.0)


CALL = (
    (partial("あ"), 1900),
    (utterance(1000, 2000, "first"), 2600),
    (utterance(2300, 3000, "second"), 3700),
    (alert("second", 3000), 3750),
)


def test_emitted_latency_is_per_kind() -> None:
    assert emitted(played(*CALL)) == {"partial": [400], "utterance": [600, 700], "alert": [750]}
    assert emitted(played(*CALL), Span(2500)) == {"partial": [], "utterance": [700], "alert": [750]}


def test_latency_at_a_higher_speed_is_wall_time() -> None:
    assert emitted(played((utterance(1000, 3000), 1700), speed=2.0))["utterance"] == [200]


def test_spoken_latency_counts_from_the_scripts_words_to_the_last_utterance_of_the_turn() -> None:
    assert spoken(played(*CALL)) == {
        "utterance_after_words": [600],
        "alert_after_words": [650],
        "first_partial_after_start": [1000],
    }
    assert spoken(played(*CALL, turns=())) == {}
    assert turns_heard(played(*CALL)) == (1, 2)


def test_a_turn_whose_end_is_missing_was_not_heard_and_makes_no_latency_look_short() -> None:
    cut = played((utterance(1000, 2000), 2600))
    assert turns_heard(cut) == (0, 2)
    assert spoken(cut)["utterance_after_words"] == []


def test_stages_are_ranked_with_their_mean() -> None:
    times = {f"{stage}_ms": 10 for stage in STAGES}
    slow = WireStages(**{**times, "decode_ms": 30}, total_ms=100)
    quick = WireStages(**times, total_ms=80)
    call = played((utterance(0, 9, latency=slow), 9), (utterance(0, 9, latency=quick), 9), (partial(""), 9))
    ranked = ranked_stages([stages(call)])
    assert list(ranked) == ["utterance"]
    assert ranked["utterance"]["decode"] == {"p50": 10, "p95": 30, "p99": 30, "count": 2, "mean": 20.0}


def test_errors_are_per_side_and_a_silent_side_is_all_deletions() -> None:
    call = played((utterance(0, 9, text="責任者をだせ"), 9))
    assert character_errors(call) == {"agent": Errors(0, 2, 0, 2), "customer": Errors(0, 0, 1, 6)}
    assert character_errors(played(turns=())) == {}


@pytest.mark.parametrize(
    ("events", "counts"),
    [
        ([partial("責任"), partial("責任者"), utterance(0, 9, text="責任者を")], (1, 0, 0, 0, 0)),
        ([partial("責任"), utterance(0, 9, text="せ任者")], (1, 0, 1, 0, 0)),
        ([partial("責任"), partial("責"), utterance(0, 9, text="責任者")], (1, 1, 0, 0, 0)),
        ([partial("責任"), partial("せき"), utterance(0, 9, text="石の")], (1, 1, 1, 0, 0)),
        ([partial("責任"), quarantined("u")], (0, 0, 0, 1, 0)),
        ([partial("責任")], (0, 0, 0, 0, 1)),
        ([partial(""), utterance(0, 9)], (0, 0, 0, 0, 0)),
    ],
)
def test_stable_text_broken_by_a_partial_and_reworded_by_the_final_are_counted_apart(
    events: list[WireEvent], counts: tuple[int, int, int, int, int]
) -> None:
    assert tuple(committed(events).values()) == counts


def test_only_the_part_of_a_gap_that_lies_in_the_span_counts() -> None:
    events: list[WireEvent] = [
        GapEvent(
            call_id="c", seq=1, at_ms=end, channel=0, start_ms=start, duration_ms=end - start, cause=cause
        )
        for start, end, cause in (
            (0, 1000, GapCause.NOT_ASSISTED),
            (1000, 1500, GapCause.LOST),
            (3000, 3500, GapCause.NOT_ASSISTED),
        )
    ]
    assert not_assisted_ms(events) == 1500
    assert not_assisted_ms(events, Span(800, 3100)) == 300


def test_a_distribution_has_the_values_at_every_percent() -> None:
    values = distribution(range(1, 201))
    assert (len(values), values[0], values[50], values[95], values[100]) == (101, 1, 100, 190, 200)
    assert distribution([]) == []
