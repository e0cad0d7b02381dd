"""What is counted of a call that goes wrong, and what is said of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from koemori.audio.call import CallEnded, CallId, CallStarted, Channel, ChannelRole, LegId
from koemori.audio.frames import AudioFrame, SourceEvent
from koemori.audio.signals import CallUpdated, UpdateKind
from koemori.server.capture.call_watch import CallWatch
from koemori.server.capture.faults import Trunk, find_fault, judge, load_faults
from koemori.server.capture.places import listens_at, media_at
from koemori.server.capture.siprec_settings import SiprecTrunk
from koemori.server.capture.stream_settings import StreamTrunk
from koemori.server.capture.trunk import TrunkStatus

pytestmark = pytest.mark.unit

AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
CALL = CallId("0" * 26)
SBC = SiprecTrunk.model_validate({"kind": "siprec", "host": "10.0.0.9", "allow": ["10.1.0.0/16"]})
CAPTURE = Path(__file__).resolve().parents[3] / "server" / "capture"
INGEST = CAPTURE.parents[1] / "audio" / "ingest"


def channels(*roles: ChannelRole) -> tuple[Channel, ...]:
    return tuple(Channel(CALL, LegId(f"l{at}"), at, role, "test") for at, role in enumerate(roles))


def started(*roles: ChannelRole) -> CallStarted:
    return CallStarted(CALL, AT, 8_000, channels(*roles))


def frame(channel: int) -> AudioFrame:
    return AudioFrame(channels(*[ChannelRole.AGENT] * 2)[channel], 0, 8_000, np.zeros(160, np.int16))


def facts(**told: int | str) -> CallUpdated:
    return CallUpdated(CALL, 0, UpdateKind.MEDIA, told)


BOTH = (ChannelRole.AGENT, ChannelRole.CUSTOMER)
ENDED = CallEnded(CALL, 30_000, "completed")


@pytest.mark.parametrize(
    ("events", "problems"),
    [
        ([started(*BOTH), frame(0), frame(1), ENDED], set()),
        ([started(*BOTH), ENDED], {"no-media"}),
        ([started(*BOTH), frame(1), ENDED], {"one-way"}),
        ([started(*BOTH), frame(1), CallEnded(CALL, 900, "completed")], set()),
        ([started(*[ChannelRole.UNKNOWN] * 2), frame(0), frame(1), ENDED], {"roles-unknown"}),
        ([started(ChannelRole.UNKNOWN), frame(0), ENDED], set()),
        ([started(*BOTH), frame(0), frame(1), facts(packets_expected=100, packets_lost=2), ENDED], {"loss"}),
        ([started(*BOTH), frame(0), frame(1), facts(packets_expected=40, packets_lost=9), ENDED], set()),
        ([started(*BOTH), frame(0), frame(1), facts(packets_unagreed=3), ENDED], {"codec-deviates"}),
        ([started(*BOTH), frame(0), frame(1), facts(mapping="guessed"), ENDED], {"legs-guessed"}),
    ],
)
def test_a_call_shows_by_its_own_events_what_is_wrong(
    events: Sequence[SourceEvent], problems: set[str]
) -> None:
    watch = CallWatch()
    for event in events:
        watch.push(event)
    assert watch.problems == problems


def test_roles_that_become_known_later_are_known() -> None:
    watch = CallWatch()
    told = CallUpdated(CALL, 0, UpdateKind.FACTS, {}, roles={0: ChannelRole.AGENT, 1: ChannelRole.CUSTOMER})
    for event in (started(*[ChannelRole.UNKNOWN] * 2), frame(0), frame(1), told, ENDED):
        watch.push(event)
    assert not watch.problems


def test_every_code_that_the_listeners_count_has_a_sentence_of_its_own() -> None:
    paths = [*CAPTURE.glob("*.py"), *INGEST.glob("siprec*.py")]
    sources = [path.read_text(encoding="utf-8") for path in paths]
    refusals = {code for text in sources for code in re.findall(r'refuse\("([a-z-]+)"', text)}
    problems = {code for text in sources for code in re.findall(r'\.problem\("([a-z-]+)"', text)}
    assert {"not-allowed", "too-many-calls"} <= refusals
    alone = {"internal", "idle"}
    assert {code for code in refusals - alone if find_fault("refusal", code).code == "*"} == set()
    assert {"no-media", "keys-in-clear"} <= problems
    assert {code for code in problems if find_fault("problem", code).code == "*"} == set()
    assert find_fault("problem", "audiohook-position").code == "audiohook-*"
    assert find_fault("refusal", "never-heard-of").code == "*"


def test_sentences_name_addresses_and_speak_both_languages() -> None:
    status = TrunkStatus(opened_at=AT - timedelta(hours=1))
    status.problems["no-media"] = 1_200
    status.refused["not-allowed"] = 7
    grave, calm, never = judge(Trunk("sbc", SBC), status, AT)
    assert (grave.code, grave.count, grave.grave) == ("no-media", 1_200, True)
    assert "1,200件" in grave.came.ja
    assert "udp 10.0.0.9:20000-29999" in grave.advice.en
    assert "10.1.0.0/16" in grave.advice.ja
    assert (calm.code, never.code) == ("not-allowed", "never-called")
    assert "sip:10.0.0.9:5060;transport=udp" in never.advice.ja
    for fault in load_faults():
        assert all((fault.ja.came, fault.ja.advice, fault.en.came, fault.en.advice))
        assert not fault.ja.came.isascii()


def test_a_trunk_that_took_calls_or_was_opened_just_now_is_not_called_unused() -> None:
    assert judge(Trunk("sbc", SBC), TrunkStatus(opened_at=AT - timedelta(minutes=1)), AT) == []
    assert judge(Trunk("sbc", SBC), TrunkStatus(calls_taken=1, opened_at=AT - timedelta(days=1)), AT) == []


def test_sockets_are_reached_by_the_public_address() -> None:
    stream = StreamTrunk.model_validate({"kind": "stream"})
    assert listens_at("cloud", stream, "https://koe.example.jp") == ("wss://koe.example.jp/ingest/cloud",)
    assert listens_at("cloud", stream, None) == ("/ingest/cloud",)
    assert media_at(stream) == ""
