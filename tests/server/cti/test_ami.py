"""The Asterisk manager: bytes to blocks, blocks to events, and a connection that comes back by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.server.cti.ami import AmiDialog, AmiError, AmiLoginError, AmiReader
from koemori.server.cti.ami_events import AmiEvents
from koemori.server.cti.ami_settings import AmiSettings
from koemori.server.cti.connections import AmiListener, AmiTimes
from koemori.server.cti.feed import CtiFeed
from koemori.server.cti.schema import EventType, OperationalEvent
from pydantic import SecretStr

from tests.fakes.asterisk_manager import GREETING, FakeManager, block

pytestmark = pytest.mark.integration

CALLER = {"Uniqueid": "1795301882.4", "Linkedid": "1795301882.4", "Channel": "PJSIP/trunk-00000004"}
MEMBER = {"Queue": "claims", "Interface": "PJSIP/1001", "MemberName": "田中"}
QUEUED = CALLER | {"Queue": "claims"}
AGENTS_LEG = {"Channel": "PJSIP/1001-00000005", "Uniqueid": "1795301885.5", "Linkedid": "1795301882.4"}
RIGHT = FakeManager().secret
STAMP = {"Timestamp": "1795301890.250000"}


def read(*blocks: bytes, step: int = 0) -> list[dict[str, str]]:
    reader = AmiReader()
    raw = GREETING + b"".join(blocks)
    pieces = [raw] if not step else [raw[at : at + step] for at in range(0, len(raw), step)]
    return [dict(one) for piece in pieces for one in reader.push(piece)]


def events(*blocks: bytes) -> list[OperationalEvent]:
    told = AmiEvents("asterisk.main", now=lambda: datetime(2026, 11, 22, tzinfo=UTC))
    return [event for one in read(*blocks) if (event := told.push(one)) is not None]


def test_an_answered_call_is_told_from_join_to_hang_up() -> None:
    came = events(
        block(Event="Newchannel", CallerIDNum="0312345678", Exten="100", **CALLER, **STAMP),
        block(
            Event="QueueCallerJoin",
            Queue="claims",
            Position="1",
            Count="1",
            CallerIDNum="0312345678",
            **CALLER,
        ),
        block(Event="AgentCalled", CallerIDNum="0312345678", **CALLER, **MEMBER),
        block(Event="QueueCallerLeave", Queue="claims", Count="0", Position="1", **CALLER),
        block(Event="AgentConnect", HoldTime="8", RingTime="3", CallerIDNum="0312345678", **CALLER, **MEMBER),
        block(Event="Hold", **AGENTS_LEG),
        block(Event="Unhold", **AGENTS_LEG),
        block(Event="AgentComplete", HoldTime="8", TalkTime="61", Reason="caller", **CALLER, **MEMBER),
        block(Event="Hangup", **AGENTS_LEG),
        block(Event="Hangup", Cause="16", **CALLER),
    )
    assert [event.type.value for event in came] == [
        "call.started",
        "queue.joined",
        "agent.ringing",
        "queue.left",
        "agent.connected",
        "call.held",
        "call.resumed",
        "wrapup.started",
        "call.ended",
    ]
    assert {event.call_id for event in came} == {"1795301882.4"}
    connected, completed = came[4], came[7]
    assert (connected.agent_id, connected.queue, connected.from_) == ("1001", "claims", "0312345678")
    assert (connected.wait_s, connected.ring_s, completed.talk_s) == (8, 3, 61)
    assert came[0].occurred_at.timestamp() == 1795301890.25
    assert came[1].occurred_at == datetime(2026, 11, 22, tzinfo=UTC)


def test_who_gives_up_has_not_been_answered() -> None:
    came = events(
        block(Event="QueueCallerJoin", Queue="claims", Position="2", Count="2", **CALLER),
        block(
            Event="QueueCallerAbandon",
            Queue="claims",
            Position="1",
            OriginalPosition="2",
            HoldTime="42",
            **CALLER,
        ),
        block(Event="QueueCallerLeave", Queue="claims", Count="0", **CALLER),
    )
    assert [event.type for event in came] == [EventType.QUEUE_JOINED, EventType.QUEUE_ABANDONED]
    assert (came[1].wait_s, came[1].position) == (42, 1)


def test_transfers_are_told_when_they_succeed() -> None:
    blind = {"TransfererUniqueid": "5.5", "TransfererLinkedid": "4.4", "Extension": "1002"}
    came = events(
        block(Event="BlindTransfer", Result="Fail", **blind),
        block(Event="BlindTransfer", Result="Success", **blind),
        block(
            Event="AttendedTransfer",
            Result="Success",
            OrigTransfererUniqueid="5.5",
            OrigTransfererLinkedid="4.4",
            SecondTransfererLinkedid="7.7",
        ),
    )
    assert [(event.transfer, event.call_id, event.to, event.related_call_id) for event in came] == [
        ("blind", "4.4", "1002", None),
        ("attended", "4.4", None, "7.7"),
    ]


def test_the_dialplan_says_which_audio_is_this_calls() -> None:
    uuid = "40325ec2-5efd-4bd3-805f-53576e581d13"
    (leg,) = events(
        block(Event="UserEvent", UserEvent="KoemoriLeg", Uuid=uuid, From="0312345678", **CALLER),
        block(Event="UserEvent", UserEvent="Another", Uuid=uuid, **CALLER),
    )
    assert leg.names == {uuid, "1795301882.4"}
    assert (leg.type, leg.from_) == (EventType.CALL_STARTED, "0312345678")
    (agent,) = events(block(Event="UserEvent", UserEvent="KoemoriLeg", Uuid=uuid, Agent="tanaka", **CALLER))
    assert (agent.type, agent.agent_id) == (EventType.AGENT_CONNECTED, "tanaka")


def test_channels_that_asterisk_makes_for_itself_are_no_calls() -> None:
    for channel in ("Snoop/1795301882.4-00000001", "Local/1001@agents-00000001;1", "AudioSocket/x"):
        inner = CALLER | {"Channel": channel}
        assert events(block(Event="Newchannel", **inner), block(Event="Hangup", **inner)) == []


@pytest.mark.parametrize(
    ("interface", "agent"),
    [
        ("PJSIP/1001", "1001"),
        ("SIP/tanaka", "tanaka"),
        ("Local/1001@agents/n", "1001"),
        ("PJSIP/1001-0000000a", "1001"),
        ("Agent/77", "77"),
    ],
)
def test_an_agent_is_who_the_interface_names(interface: str, agent: str) -> None:
    (event,) = events(block(Event="AgentConnect", **CALLER, **(MEMBER | {"Interface": interface})))
    assert event.agent_id == agent


def test_an_event_that_does_not_fit_is_passed_over() -> None:
    assert events(block(Event="QueueCallerJoin", Queue="x" * 200, **CALLER)) == []
    assert events(block(Event="Hold")) == []
    assert events(block(Event="RTCPSent", **CALLER)) == []


@given(step=st.integers(1, 40))
def test_blocks_are_the_same_however_the_bytes_come(step: int) -> None:
    blocks = (block(Event="Hold", Linkedid="1"), block(Response="Success", Message="名前"))
    assert read(*blocks, step=step) == read(*blocks)


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(raw: bytes) -> None:
    for first in (b"", GREETING):
        with suppress(AmiError):
            AmiDialog("koemori", "geheim").push(first + raw)


@pytest.mark.parametrize(
    "raw",
    [
        GREETING + b"x" * 9_000,
        GREETING + b"x" * 9_000 + b"\r\n",
        GREETING + b"Key: value\r\n" * 300,
        b"HTTP/1.1 400 Bad Request\r\n",
    ],
)
def test_what_no_manager_sends_is_refused(raw: bytes) -> None:
    with pytest.raises(AmiError):
        AmiReader().push(raw)


def test_the_secret_stays_here_and_a_refusal_is_told() -> None:
    dialog = AmiDialog("koemori", "geheim")
    dialog.push(GREETING)
    assert b"Challenge" in dialog.outgoing()
    dialog.push(block(Response="Success", Challenge="1"))
    assert b"geheim" not in dialog.outgoing()
    with pytest.raises(AmiLoginError) as refused:
        dialog.push(block(Response="Error", Message="Authentication failed"))
    assert "geheim" not in f"{refused.value}{dialog!r}"


class Taken:
    """A feed that keeps what comes."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[OperationalEvent] = asyncio.Queue()

    async def take(self, event: OperationalEvent) -> bool:
        self.events.put_nowait(event)
        return True


@asynccontextmanager
async def listening(
    manager: FakeManager,
    taken: Taken,
    password: str = RIGHT,
    ping_s: float = 30.0,
) -> AsyncIterator[AmiListener]:
    settings = AmiSettings(port=manager.port, password=SecretStr(password))
    times = AmiTimes(connect_s=2, ping_s=ping_s, first_pause_s=0.01, longest_pause_s=0.02)
    listener = AmiListener("main", settings, cast(CtiFeed, taken), times)
    task = asyncio.create_task(listener.run())
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_a_connection_logs_in_listens_and_comes_back_after_a_restart() -> None:
    taken = Taken()
    async with FakeManager() as manager, listening(manager, taken) as listener:
        await manager.until("logins")
        manager.send(block(Event="Hold", **CALLER))
        async with asyncio.timeout(5):
            assert (await taken.events.get()).type is EventType.CALL_HELD
        manager.hang_up()
        await manager.until("logins", 2)
        manager.send(block(Event="Unhold", **CALLER))
        async with asyncio.timeout(5):
            assert (await taken.events.get()).type is EventType.CALL_RESUMED
        assert listener.connected == 2


async def test_a_wrong_secret_is_tried_again_with_patience_and_lets_nothing_in() -> None:
    taken = Taken()
    async with FakeManager() as manager, listening(manager, taken, password="falsch") as listener:
        await manager.until("refused", 2)
        assert (listener.connected, manager.logins, taken.events.qsize()) == (0, 0, 0)


async def test_a_manager_that_says_nothing_is_asked_and_then_left() -> None:
    async with FakeManager(answers_pings=True) as manager, listening(manager, Taken(), ping_s=0.03):
        await manager.until("pings", 3)
        assert manager.logins == 1
        manager.answers_pings = False
        await manager.until("logins", 2)
