"""An AudioHook session: both sides' audio, explicit gaps, numbered answers, and clients that misbehave."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.audio.call import CallEnded, CallStarted, ChannelRole
from koemori.audio.codecs.g711 import decode_mulaw
from koemori.audio.frames import Gap, GapCause, SourceEvent
from koemori.audio.ingest.audiohook import AudioHookSession
from koemori.audio.signals import CallDocument, CallUpdated

from tests.fakes.audiohook import BOTH, CONVERSATION, NOBODY, OFFERS, SESSION, AudioHookClient
from tests.fakes.media import assemble

pytestmark = pytest.mark.unit


def session(passed_s: float = 3600.0) -> AudioHookSession:
    """A session whose opening lies this long ago whenever anything comes."""
    times = iter([0.0])
    return AudioHookSession(
        SESSION,
        queue="support",
        now=lambda: datetime(2026, 11, 22, tzinfo=UTC),
        clock_s=lambda: next(times, passed_s),
    )


class Exchange:
    """A client and a session that talk."""

    def __init__(self, passed_s: float = 3600.0) -> None:
        self.client, self.session = AudioHookClient(), session(passed_s)
        self.events: list[SourceEvent] = []
        self.over = False

    def say(self, text: str) -> list[str]:
        step = self.session.text(text)
        self.events += step.events
        self.over = step.over
        return [answer["type"] for answer in self.client.hear(*step.replies)]

    def send(self, count: int, first: int = 0) -> None:
        """Samples of both sides that tell their place."""
        external = bytes((first + n) % 120 for n in range(count))
        internal = bytes(128 + (first + n) % 120 for n in range(count))
        step = self.session.audio(self.client.audio(external, internal))
        self.events += step.events
        self.over = step.over

    def gaps(self) -> list[tuple[int, int, GapCause]]:
        return [
            (e.start_sample, e.sample_count, e.cause)
            for e in self.events
            if isinstance(e, Gap) and e.channel.index == 0
        ]


def opened(passed_s: float = 3600.0) -> Exchange:
    exchange = Exchange(passed_s)
    assert exchange.say(exchange.client.open()) == ["opened"]
    return exchange


def test_a_call_from_open_to_closed() -> None:
    exchange = opened()
    assert exchange.client.answers[0]["parameters"] == {"startPaused": False, "media": [BOTH]}
    for n in range(5):
        exchange.send(1600, n * 1600)
        assert exchange.say(exchange.client.say("ping")) == ["pong"]
    assert exchange.say(exchange.client.say("update", language="en-US")) == ["updated"]
    assert exchange.say(exchange.client.say("close", reason="end")) == ["closed"]
    assert exchange.over
    started, document = exchange.events[:2]
    assert isinstance(started, CallStarted)
    assert isinstance(document, CallDocument)
    assert json.loads(document.content)["type"] == "open"
    assert [c.role for c in started.channels] == [ChannelRole.AGENT, ChannelRole.CUSTOMER]
    assert (started.customer_number, started.queue) == ("+81300000000", "support")
    assert started.external_ids["conversation_id"] == CONVERSATION
    (update,) = [event for event in exchange.events if isinstance(event, CallUpdated)]
    assert update.facts == {"language": "en-US"}
    assert exchange.events[-1] == CallEnded(started.call_id, 1000, "stop")
    samples, there = assemble(exchange.events)
    assert there.all()
    numbers = np.arange(8000) % 120
    assert np.array_equal(samples[1], decode_mulaw(numbers.astype(np.uint8).tobytes()))
    assert np.array_equal(samples[0], decode_mulaw((numbers + 128).astype(np.uint8).tobytes()))
    assert not exchange.session.problems


def test_what_the_client_kept_back_is_a_gap_of_its_kind() -> None:
    exchange = opened()
    exchange.send(1600)
    assert exchange.say(exchange.client.say("paused")) == []
    exchange.client.samples += 16_000
    assert exchange.say(exchange.client.say("resumed", start="PT0.2S", discarded="PT2S")) == []
    exchange.send(1600)
    exchange.client.samples += 800
    assert exchange.say(exchange.client.say("discarded", start="PT2.4S", discarded="PT0.1S")) == []
    exchange.send(800)
    assert exchange.gaps() == [(1600, 16_000, GapCause.PAUSED), (19_200, 800, GapCause.LOST)]
    exchange.say(exchange.client.say("close", reason="end"))
    _, there = assemble(exchange.events)
    assert there.shape[1] == 1600 + 16_000 + 1600 + 800 + 800
    assert not exchange.session.problems


def test_a_pause_that_lasts_until_the_end_is_recorded_as_one() -> None:
    exchange = opened(passed_s=4.0)
    exchange.send(1600)
    exchange.say(exchange.client.say("paused"))
    exchange.client.samples += 8000
    assert exchange.say(exchange.client.say("update", language="ja")) == ["updated"]
    exchange.client.samples += 8000
    exchange.say(exchange.client.say("close", reason="end"))
    assert exchange.gaps() == [(1600, 16_000, GapCause.PAUSED)]
    ended = exchange.events[-1]
    assert isinstance(ended, CallEnded)
    assert ended.end_ms == 2200
    assert not exchange.session.problems


def test_a_pause_at_the_end_is_no_longer_than_time_has_been() -> None:
    exchange = opened(passed_s=4.0)
    exchange.say(exchange.client.say("paused"))
    exchange.client.samples += 3600 * 8000
    exchange.say(exchange.client.say("close", reason="end"))
    assert exchange.gaps() == [(0, 9 * 8000, GapCause.PAUSED)]


def test_audio_during_a_pause_is_not_recorded() -> None:
    exchange = opened()
    exchange.say(exchange.client.say("paused"))
    exchange.send(800)
    assert exchange.gaps() == [(0, 800, GapCause.PAUSED)]
    assert exchange.session.problems == {"audio-while-paused": 1}


def test_a_gap_cannot_reach_beyond_the_time_that_has_passed() -> None:
    exchange = opened(passed_s=10.0)
    exchange.say(exchange.client.say("discarded", start="PT0S", discarded="PT900H"))
    assert exchange.gaps() == [(0, 15 * 8000, GapCause.LOST)]
    assert exchange.session.problems["gap-too-long"] == 1


def test_a_probe_is_answered_and_nothing_is_recorded() -> None:
    exchange = Exchange()
    assert exchange.say(exchange.client.open(NOBODY)) == ["opened"]
    assert exchange.session.probe
    exchange.send(800)
    assert exchange.say(exchange.client.say("close", reason="end")) == ["closed"]
    assert exchange.events == []


@pytest.mark.parametrize(
    ("offers", "channels"),
    [
        (OFFERS[::-1], ["external", "internal"]),
        ([{**BOTH, "channels": ["internal", "external"]}], ["internal", "external"]),
        ([{**BOTH, "format": "L16"}, OFFERS[2]], ["internal"]),
    ],
)
def test_the_best_offer_is_chosen(offers: object, channels: list[str]) -> None:
    exchange = Exchange()
    assert exchange.say(exchange.client.open(media=offers)) == ["opened"]
    assert exchange.client.answers[0]["parameters"]["media"][0]["channels"] == channels
    (started,) = [event for event in exchange.events if isinstance(event, CallStarted)]
    assert len(started.channels) == len(channels)


def changed(message: str, **fields: object) -> str:
    return json.dumps({**json.loads(message), **fields})


BAD: dict[str, Callable[[AudioHookClient], str]] = {
    "not JSON": lambda _client: "{",
    "deeply nested": lambda _client: "[" * 60_000,
    "too long": lambda _client: '{"x":"' + "y" * 70_000 + '"}',
    "another version": lambda client: changed(client.say("ping"), version="1"),
    "a number left out": lambda client: changed(client.say("ping"), seq=9),
    "a number again": lambda client: changed(client.say("ping"), seq=1),
    "a number that is none": lambda client: changed(client.say("ping"), seq=True),
    "an answer we never gave": lambda client: changed(client.say("ping"), serverseq=99),
    "another session": lambda client: changed(client.say("ping"), id=CONVERSATION),
    "no position": lambda client: changed(client.say("ping"), position="soon"),
    "an endless position": lambda client: changed(client.say("ping"), position="PT" + "9" * 90 + "S"),
    "a second open": lambda client: client.open(),
    "a kind we do not know": lambda client: client.say("dance"),
    "a gap without length": lambda client: client.say("discarded", start="PT0S"),
    "parameters that are none": lambda client: changed(client.say("ping"), parameters=[]),
}


@pytest.mark.parametrize("name", BAD)
def test_a_client_that_breaks_the_protocol_is_told_to_disconnect(name: str) -> None:
    exchange = opened()
    exchange.send(800)
    step = exchange.session.text(BAD[name](exchange.client))
    (reply,) = [json.loads(reply) for reply in step.replies]
    assert (reply["type"], reply["parameters"]["reason"]) == ("disconnect", "error")
    assert step.over
    (ended,) = step.events
    assert isinstance(ended, CallEnded)
    assert (ended.end_ms, ended.reason) == (100, "error:media-message")
    assert exchange.session.text(exchange.client.say("ping")).events == []


@pytest.mark.parametrize(
    "early", [lambda client: client.say("paused"), lambda client: client.open(media=[]), None]
)
def test_nothing_is_recorded_before_a_usable_open(early: Callable[[AudioHookClient], str] | None) -> None:
    exchange = Exchange()
    step = exchange.session.audio(b"\0") if early is None else exchange.session.text(early(exchange.client))
    assert step.over
    assert step.events == []


def test_half_a_sample_ends_the_call() -> None:
    step = opened().session.audio(b"\x01\x02\x03")
    assert step.over


def test_a_position_that_does_not_fit_is_counted() -> None:
    exchange = opened()
    exchange.send(800)
    exchange.client.samples += 8000
    assert exchange.say(exchange.client.say("update", language="ja")) == ["updated"]
    assert exchange.session.problems == {"position": 1}


def test_our_end_says_disconnect_and_keeps_what_came() -> None:
    exchange = opened()
    exchange.send(800)
    step = exchange.session.end("shutdown")
    assert [json.loads(reply)["type"] for reply in step.replies] == ["disconnect"]
    assert isinstance(step.events[-1], CallEnded)
    assert exchange.session.end("again").events == []


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = [
    "conversationId",
    "media",
    "participant",
    "start",
    "discarded",
    "language",
    "reason",
    "customConfig",
]


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.text(max_size=40),
            st.tuples(
                st.sampled_from(
                    ["open", "ping", "paused", "resumed", "discarded", "update", "error", "close"]
                ),
                st.dictionaries(st.sampled_from(FIELDS), JSON_VALUES | st.sampled_from(["PT1S", "PT0S"])),
            ),
        ),
        max_size=12,
    ),
    st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_whatever_comes_is_answered_and_never_raises(messages: list[object], begin: bool) -> None:
    exchange = Exchange()
    if begin:
        exchange.say(exchange.client.open())
    for message in messages:
        if isinstance(message, bytes):
            exchange.events += exchange.session.audio(message).events
        elif isinstance(message, tuple):
            exchange.events += exchange.session.text(exchange.client.say(message[0], **message[1])).events
        else:
            exchange.events += exchange.session.text(str(message)).events
    exchange.events += exchange.session.end("stop").events
    if any(isinstance(event, CallStarted) for event in exchange.events):
        assemble(exchange.events)
        assert sum(isinstance(event, CallEnded) for event in exchange.events) == 1
