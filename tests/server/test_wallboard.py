"""The supervisor's figures: a scripted afternoon against a calculation by hand, and the rules one by one."""

from __future__ import annotations

import random
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.server.cti.schema import EventType
from koemori.server.wallboard import FORMULAS, QueueEvent, QueueFigures, Thresholds, figures

pytestmark = pytest.mark.unit

SCENARIO = Path(__file__).parents[1] / "scenarios" / "afternoon.toml"
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def moment(script: dict[str, Any], clock: str) -> datetime:
    return datetime.fromisoformat(f"{script['day']}T{clock}+09:00")


def events_of(script: dict[str, Any]) -> list[QueueEvent]:
    listed = [
        QueueEvent(
            "pbx",
            f"e{number}",
            moment(script, clock),
            EventType(kind),
            call_id,
            queue or None,
            None if wait_s < 0 else float(wait_s),
        )
        for number, (clock, kind, call_id, queue, wait_s) in enumerate(script["events"]["list"])
    ]
    return listed + [listed[position] for position in script["events"]["duplicates"]]


def expected_of(script: dict[str, Any]) -> list[QueueFigures]:
    nothing: dict[str, Any] = dict.fromkeys(QueueFigures.__dataclass_fields__)
    rows = []
    for queue, row in sorted(script["expected"].items()):
        values = {
            name: value[0] / value[1] if isinstance(value, list) else value for name, value in row.items()
        }
        rows.append(QueueFigures(**(nothing | {"queue": queue} | values)))
    return rows


def figures_of(script: dict[str, Any], events: list[QueueEvent]) -> list[QueueFigures]:
    thresholds = {queue: Thresholds(**limits) for queue, limits in script["thresholds"].items()}
    return figures(
        events, since=moment(script, script["since"]), at=moment(script, script["at"]), thresholds=thresholds
    )


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return tomllib.loads(SCENARIO.read_text(encoding="utf-8"))


def test_the_scripted_afternoon_gives_the_figures_calculated_by_hand(script: dict[str, Any]) -> None:
    assert figures_of(script, events_of(script)) == expected_of(script)


def test_before_the_late_event_the_answer_without_a_join_is_counted_as_incomplete(
    script: dict[str, Any],
) -> None:
    late = ("13:45:00", "queue.joined", "c12")
    events = [
        event
        for event, row in zip(events_of(script), script["events"]["list"], strict=False)
        if tuple(row[:3]) != late
    ]
    claims = next(row for row in figures_of(script, events) if row.queue == "claims")
    assert (claims.answered, claims.incomplete) == (7, 2)
    assert claims.asa_s == (140 - 15) / 7


@pytest.mark.parametrize("seed", range(10))
def test_the_order_of_arrival_changes_nothing_between_different_times(
    script: dict[str, Any], seed: int
) -> None:
    # Events of one call at the same second keep their order: nothing else says which came first.
    together: dict[tuple[str, datetime], list[QueueEvent]] = {}
    for event in events_of(script):
        together.setdefault((event.call_id, event.occurred_at), []).append(event)
    groups = list(together.values())
    random.Random(seed).shuffle(groups)  # noqa: S311 - a seeded shuffle, nothing secret
    rebuilt = [event for group in groups for event in group]
    assert figures_of(script, rebuilt) == expected_of(script)


def event(
    kind: EventType, second: float, call_id: str = "c", queue: str | None = "q", **more: Any
) -> QueueEvent:
    at = NOON + timedelta(seconds=second)
    return QueueEvent("pbx", f"{kind}-{second}-{call_id}", at, kind, call_id, queue, **more)


def only(events: list[QueueEvent], second: float = 3600) -> QueueFigures:
    rows = figures(events, since=NOON, at=NOON + timedelta(seconds=second), thresholds={"q": Thresholds()})
    return next(row for row in rows if row.queue == "q")


def test_joining_again_while_waiting_does_not_begin_the_wait_anew() -> None:
    row = only([event(EventType.QUEUE_JOINED, 0), event(EventType.QUEUE_JOINED, 30)], second=60)
    assert (row.waiting, row.longest_wait_s) == (1, 60)


def test_a_call_moved_to_another_queue_waits_there_only() -> None:
    rows = figures(
        [event(EventType.QUEUE_JOINED, 0, queue="a"), event(EventType.QUEUE_JOINED, 40, queue="b")],
        since=NOON,
        at=NOON + timedelta(seconds=60),
        thresholds={},
    )
    assert [(row.queue, row.waiting, row.longest_wait_s, row.left_otherwise) for row in rows] == [
        ("a", 0, None, 1),
        ("b", 1, 20, 0),
    ]


def test_the_same_event_id_of_two_sources_is_two_events() -> None:
    joined = event(EventType.QUEUE_JOINED, 0)
    other = QueueEvent("other", joined.event_id, joined.occurred_at, joined.type, "d", "q")
    assert only([joined, other], second=1).waiting == 2


def test_every_figure_on_the_board_has_its_formula_and_source() -> None:
    assert {"waiting", "longest_wait_s", "service_level", "asa_s", "abandon_rate"} <= set(FORMULAS)
    assert all(text.formula and text.source for text in FORMULAS.values())


calls = st.lists(
    st.tuples(
        st.sampled_from(list(EventType)),
        st.integers(0, 300),
        st.sampled_from("abc"),
        st.sampled_from([None, "q", "r"]),
        st.sampled_from([None, 0.0, 7.0]),
    ),
    max_size=40,
)


@settings(max_examples=200)
@given(calls)
def test_any_events_at_all_give_figures_that_add_up(rows: list[Any]) -> None:
    events = [
        QueueEvent("pbx", str(number), NOON + timedelta(seconds=second), kind, call_id, queue, wait_s)
        for number, (kind, second, call_id, queue, wait_s) in enumerate(rows)
    ]
    for row in figures(events, since=NOON, at=NOON + timedelta(seconds=300), thresholds={}):
        assert row.waiting <= 3
        assert (row.longest_wait_s is None) == (row.waiting == 0)
        assert (row.service_level is None) == (row.answered + row.abandoned == 0)
        assert row.service_level is None or 0 <= row.service_level <= 1
        assert row.abandon_rate is None or 0 <= row.abandon_rate <= 1
        assert row.asa_s is None or row.asa_s >= 0
        joined = sum(1 for one in events if one.type is EventType.QUEUE_JOINED and one.queue == row.queue)
        began = row.waiting + row.left_otherwise
        assert began <= joined
