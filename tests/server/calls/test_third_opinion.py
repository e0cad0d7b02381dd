"""A third opinion asked of a real HTTP service: what it changes, and what it cannot change."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from koemori.assist.engine import AssistEngine
from koemori.assist.playbooks.load import load_playbook
from koemori.assist.third_opinion import Doubt, Turn, load_policy
from koemori.assist.types import CallFacts, Category, ThirdOpinion, Verdict
from koemori.audio.call import CallEnded, ChannelRole
from koemori.server.calls.ports import Engine, Pace
from koemori.server.calls.session import CallSession, SessionLimits
from koemori.server.calls.third_opinion import Breaker, ChatAdviser, NewestFirst, open_adviser
from koemori.server.config import LoggingSettings, Settings
from koemori.server.telemetry import Metrics, configure_logging
from koemori.server.wire import AlertEvent, AlertReviewEvent, WireEvent

from tests.fakes.calls import CALL, STARTED, FakeListener, FakeParts, ScriptedSource, frames
from tests.fakes.chat import HARASSMENT, ChatService, chat_service
from tests.fakes.opinion import FixedOpinion
from tests.fakes.sink import ListSink

pytestmark = pytest.mark.integration

WORDS = "小野寺健一です、携帯は090-1234-5678、カードは4111 1111 1111 1111、お前を殺すぞ"
PRIVATE = ("小野寺", "健一", "1234", "5678", "4111", "1111", "0311112222")
DOUBT = Doubt("doubt@u0", 900, (Turn(ChannelRole.CUSTOMER, "お前を殺すぞ"),))


@dataclass
class Parts(FakeParts):
    """A call that says `WORDS` each second, understood by the real engine."""

    adviser: ChatAdviser | None = None

    def engine_for(self, facts: CallFacts) -> Engine:
        doubting = None if self.adviser is None else self.adviser.policy
        return AssistEngine(facts, PLAYBOOK, FixedOpinion(0.3), doubting)


PLAYBOOK = load_playbook()


@pytest.fixture(scope="module")
def running() -> Iterator[ChatService]:
    with chat_service() as service:
        yield service


@pytest.fixture
def service(running: ChatService) -> ChatService:
    fresh = ChatService(port=running.port)
    for name in ("content", "status", "delay_s", "raw", "models", "key"):
        setattr(running, name, getattr(fresh, name))
    for seen in (running.asked, running.headers, running.paths):
        seen.clear()
    return running


def settings(url: str | None, **chosen: object) -> Settings:
    third = {"url": url, "model": "some-model", "deadline_ms": 10_000, **chosen}
    return Settings.model_validate({"assist": {"third_opinion": third}})


def adviser(service: ChatService, metrics: Metrics, **chosen: object) -> ChatAdviser:
    made = open_adviser(settings(service.url, **chosen), metrics)
    assert made is not None
    return made


async def play(
    advised_by: ChatAdviser | None, metrics: Metrics | None = None, seconds: int = 2, pace: Pace = Pace.HELD
) -> list[WireEvent]:
    """The events of a call, without what differs between any two calls."""
    parts = Parts(listener=FakeListener(text=WORDS), adviser=advised_by)
    ports = replace(parts.ports(), make_engine=parts.engine_for, adviser=advised_by)
    sink = ListSink()
    limits = SessionLimits(queue_ms=60_000)
    session = CallSession(ports, sink, metrics or Metrics(), pace, limits)
    started = replace(STARTED, customer_number="0311112222")
    ended = CallEnded(CALL, seconds * 1000, "completed")
    await session.run(ScriptedSource([started, *frames(50 * seconds), ended]))
    if advised_by is not None:
        await advised_by.aclose()
    return sink.events


def outcomes(metrics: Metrics) -> dict[str, float]:
    (family,) = metrics.third_opinion.collect()
    return {one.labels["outcome"]: one.value for one in family.samples if one.name.endswith("_total")}


async def test_nobody_is_asked_and_no_connection_is_opened_by_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[object] = []

    def refuse(*place: object) -> None:
        tried.append(place[-1])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", refuse)
    metrics = Metrics()
    assert open_adviser(Settings(), metrics) is None
    events = await play(open_adviser(Settings(), metrics), metrics)
    assert [event.type for event in events].count("alert") > 0
    assert (tried, outcomes(metrics)) == ([], {})
    assert same(events, await play(open_adviser(settings("http://127.0.0.1:9/v1"), metrics), metrics))
    assert tried == [("127.0.0.1", 9)] * 2


async def test_an_answer_marks_the_alert_and_leaves_it(service: ChatService) -> None:
    metrics = Metrics()
    without = await play(None)
    events = await play(adviser(service, metrics), metrics)
    reviews = [event for event in events if isinstance(event, AlertReviewEvent)]
    alerts = [event.alert_id for event in events if isinstance(event, AlertEvent) and event.severity == 3]
    assert sorted(review.alert_id for review in reviews) == sorted(alerts)
    assert {(one.verdict, one.reason, one.model) for one in reviews} == {
        ("not_harassment", "実際の苦情", "some-model")
    }
    assert same(without, [event for event in events if event.type != "alert_review"])
    assert outcomes(metrics) == {"not_harassment": 2}


async def test_the_request_is_of_the_common_form_and_holds_nobodys_data(service: ChatService) -> None:
    await play(adviser(service, Metrics()))
    assert service.paths == ["/v1/chat/completions"] * 2
    for body in service.asked:
        assert body.keys() == {
            "model",
            "messages",
            "temperature",
            "max_tokens",
            "response_format",
            "stream",
        }
        assert (body["model"], body["temperature"], body["stream"]) == ("some-model", 0, False)
        assert [message["role"] for message in body["messages"]] == ["system", "user"]
        assert "お前を殺すぞ" in body["messages"][1]["content"]
        sent = json.dumps(body, ensure_ascii=False)
        for private in (*PRIVATE, CALL):
            assert private not in sent
    assert all("authorization" not in headers for headers in service.headers)


async def test_the_key_is_sent_and_never_shown(service: ChatService, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings(service.url, api_key="the-key")
    made = open_adviser(chosen, Metrics())
    assert made is not None
    assert await made.ask("c", DOUBT) == ThirdOpinion(
        900, "doubt@u0", Verdict.NOT_HARASSMENT, None, "実際の苦情", "some-model"
    )
    await made.aclose()
    assert service.headers[0]["authorization"] == "Bearer the-key"
    assert "the-key" not in repr(chosen)


async def test_a_confirmed_doubt_says_so(service: ChatService) -> None:
    service.content = HARASSMENT
    metrics = Metrics()
    made = adviser(service, metrics)
    answer = await made.ask("c", DOUBT)
    await made.aclose()
    assert answer is not None
    assert (answer.verdict, answer.category) == (Verdict.HARASSMENT, Category.THREAT)
    assert outcomes(metrics) == {"harassment": 1}


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "slow": ({"delay_s": 1.0}, "late"),
    "error": ({"status": 500}, "failed"),
    "busy": ({"status": 429}, "failed"),
    "redirect": ({"status": 307}, "failed"),
    "garbage": ({"raw": b"\xff\x00<html>"}, "failed"),
    "nested": ({"raw": b"[" * 60_000}, "failed"),
    "other-form": ({"raw": b'{"choices": []}'}, "failed"),
    "oversize": ({"raw": b'{"choices": "' + b"x" * 200_000 + b'"}'}, "failed"),
    "prose": ({"content": "ハラスメントだと思います。"}, "unreadable"),
    "unsure": ({"content": '{"verdict": "unsure", "category": null, "reason": ""}'}, "unsure"),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_service_that_fails_changes_nothing(service: ChatService, case: str) -> None:
    behaviour, outcome = BROKEN[case]
    for name, value in behaviour.items():
        setattr(service, name, value)
    metrics = Metrics()
    without = await play(None)
    deadline_ms = 400 if case == "slow" else 10_000
    events = await play(adviser(service, metrics, deadline_ms=deadline_ms), metrics)
    assert same(without, events)
    assert outcomes(metrics) == {outcome: 2}
    assert "/v1/elsewhere" not in service.paths


async def test_a_closed_port_changes_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    metrics = Metrics()
    made = open_adviser(settings(f"http://127.0.0.1:{port}/v1"), metrics)
    assert same(await play(None), await play(made, metrics))
    assert outcomes(metrics) == {"failed": 2}


async def test_a_live_call_goes_on_while_the_answer_is_out(service: ChatService) -> None:
    service.delay_s = 0.5
    metrics = Metrics()
    events = await play(adviser(service, metrics), metrics, seconds=3, pace=Pace.SCALED)
    kinds = [event.type for event in events]
    last_words = len(kinds) - 1 - kinds[::-1].index("utterance")
    assert kinds.index("alert_review") > last_words
    assert kinds.count("alert_review") == 3
    assert kinds[-1] == "call_ended"


async def test_a_slow_service_delays_the_end_of_a_call_by_its_deadline_at_most(service: ChatService) -> None:
    service.delay_s = 3.0
    await play(None)
    begun_s = time.monotonic()
    await play(adviser(service, Metrics(), deadline_ms=300))
    assert time.monotonic() - begun_s < 2.5


async def test_a_call_asks_no_more_than_its_allowance(service: ChatService) -> None:
    metrics = Metrics()
    await play(adviser(service, metrics, most_per_call=2), metrics, seconds=5)
    assert outcomes(metrics) == {"not_harassment": 2, "spent": 3}
    assert len(service.asked) == 2


async def test_after_three_failures_nobody_is_asked_for_a_minute(service: ChatService) -> None:
    service.status = 500
    metrics = Metrics()
    now = [0.0]
    chosen = settings(service.url).assist.third_opinion
    made = ChatAdviser(chosen, load_policy(), metrics, lambda: now[0])
    for _ in range(5):
        assert await made.ask("c", DOUBT) is None
    assert outcomes(metrics) == {"failed": 3, "paused": 2}
    service.status = 200
    now[0] = 59.9
    assert await made.ask("c", DOUBT) is None
    now[0] = 60.1
    assert await made.ask("c", DOUBT) is not None
    await made.aclose()
    assert len(service.asked) == 4


async def test_logs_and_metrics_hold_no_words_no_key_and_no_answer(service: ChatService) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging(LoggingSettings(level="DEBUG"), stream)
    try:
        metrics = Metrics()
        service.content = '{"verdict": "harassment", "category": "none", "reason": "殺害の予告"}'
        await play(adviser(service, metrics, api_key="the-key", most_at_once=1), metrics, seconds=4)
    finally:
        root.handlers[:], root.level = before
        logging.getLogger("uvicorn.access").disabled = False
    written = stream.getvalue() + metrics.render()[0].decode()
    assert "no third opinion" in written
    assert "nobody is asked" in written
    assert 'koemori_third_opinion_total{outcome="unreadable"} 3.0' in written
    assert "koemori_third_opinion_seconds_count 3.0" in written
    for private in (*PRIVATE, "殺", "予告", "the-key"):
        assert private not in written


def test_a_breaker_pauses_again_at_the_first_failure_after_its_pause() -> None:
    breaker = Breaker()
    assert [breaker.failed(0.0) for _ in range(3)] == [False, False, True]
    assert breaker.pauses(59.0)
    assert not breaker.pauses(60.0)
    assert breaker.failed(61.0)
    assert breaker.pauses(62.0)
    breaker.succeeded()
    assert not breaker.failed(130.0)


async def test_the_newest_go_first_and_the_oldest_gives_way() -> None:
    line = NewestFirst(1, most_waiting=2)
    assert await line.enter()
    served: list[int] = []

    async def wait(number: int) -> bool:
        if not await line.enter():
            return False
        served.append(number)
        line.leave()
        return True

    waiting = [asyncio.create_task(wait(number)) for number in range(3)]
    await asyncio.sleep(0.01)
    line.leave()
    assert await asyncio.gather(*waiting) == [False, True, True]
    assert served == [2, 1]
    assert await line.enter()


async def test_who_leaves_the_line_takes_no_place_with_him() -> None:
    line = NewestFirst(1)
    assert await line.enter()
    waiting, granted = (asyncio.create_task(line.enter()) for _ in range(2))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait({waiting})
    line.leave()
    granted.cancel()
    await asyncio.wait({granted})
    assert await asyncio.wait_for(line.enter(), 1)


async def test_who_is_just_giving_up_is_not_told_to() -> None:
    line = NewestFirst(1, most_waiting=1)
    assert await line.enter()
    oldest = asyncio.create_task(line.enter())
    await asyncio.sleep(0.01)
    oldest.cancel()
    asyncio.get_running_loop().call_later(0.01, line.leave)
    async with asyncio.timeout(1):
        assert await line.enter()
    line.leave()
    assert await asyncio.wait_for(line.enter(), 1)


def same(before: list[WireEvent], after: list[WireEvent]) -> bool:
    """Whether two calls said the same, but for the numbering and what is measured in wall time."""

    def said(events: list[WireEvent]) -> list[dict[str, Any]]:
        return [event.model_dump(exclude={"seq", "latency", "emitted_ms"}) for event in events]

    assert said(before) == said(after)
    return True
