"""Media of a recording server's calls that only notes what it is told, and a sender to drive the server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from koemori.audio.call import CallStarted
from koemori.audio.errors import MediaPortError
from koemori.audio.ingest.siprec import SiprecServer
from koemori.audio.ingest.siprec_call import CallPolicy
from koemori.audio.ingest.siprec_host import SiprecLimits
from koemori.audio.signals import CallDocument, CallUpdated, KeyPressed
from koemori.audio.sip.answer import AnswerPolicy, LocalStream, Stream
from koemori.audio.sip.flow import Flow, Send
from koemori.audio.sip.mapping import RolePolicy
from koemori.audio.sip.message import Message, Response, parse_message
from koemori.audio.sip.sdp import SessionDescription, parse_sdp
from koemori.audio.sip.uas import UserAgentServer

AT = datetime(2026, 1, 15, 1, 2, 3, tzinfo=UTC)


@dataclass
class FakeMedia:
    """Notes everything; ports count up from `first_port`."""

    first_port: int
    ports: int = 100
    now_sample: int = 0
    streams: dict[int, Stream] = field(default_factory=dict)
    started: CallStarted | None = None
    order: list[int] = field(default_factory=list)
    told: list[CallUpdated | CallDocument | KeyPressed] = field(default_factory=list)
    holds: list[tuple[int, bool]] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    ended: str | None = None
    idle: dict[int, float] = field(default_factory=dict)

    def open(self, leg: int, stream: Stream) -> LocalStream:
        if leg >= self.ports:
            raise MediaPortError(20_000, 20_001)
        return self.change(leg, stream)

    def change(self, leg: int, stream: Stream) -> LocalStream:
        self.streams[leg] = stream
        return LocalStream(self.first_port + 2 * leg, None if stream.crypto is None else "b3Vycw==")

    def start(self, started: CallStarted, legs: Sequence[int]) -> None:
        assert self.started is None
        self.started, self.order = started, list(legs)

    def hold(self, leg: int, held: bool) -> None:
        self.holds.append((leg, held))

    def close(self, leg: int) -> None:
        self.closed.append(leg)

    def tell(self, event: CallUpdated | CallDocument | KeyPressed) -> None:
        self.told.append(event)

    def end(self, reason: str) -> None:
        assert self.ended is None
        self.ended = reason

    def idle_s(self, leg: int) -> float | None:
        return self.idle.get(leg)

    @property
    def updates(self) -> list[CallUpdated]:
        return [event for event in self.told if isinstance(event, CallUpdated)]

    @property
    def documents(self) -> dict[str, bytes]:
        return {event.name: event.content for event in self.told if isinstance(event, CallDocument)}


class Recorder:
    """A recording server in virtual time, with one sender."""

    def __init__(
        self,
        *,
        agents: tuple[str, ...] = ("8???",),
        answers: AnswerPolicy | None = None,
        limits: SiprecLimits | None = None,
        transport: str = "UDP",
    ) -> None:
        self.media: list[FakeMedia] = []
        self.problems: list[str] = []
        self.refused: list[str] = []
        self.now_s = 100.0
        self.ports_left = 100
        self.flow = Flow(transport, "192.0.2.1", 5070, 0 if transport == "UDP" else 1)
        self.server = SiprecServer(
            make_media=self._make,
            now_at=lambda: AT,
            media_host="192.0.2.9",
            answers=answers or AnswerPolicy(),
            calls=CallPolicy(RolePolicy(agents)),
            limits=limits or SiprecLimits(),
            problem=self.problems.append,
        )
        self.agent = UserAgentServer(
            taker=self.server,
            contact=lambda transport: f"<sip:koemori@192.0.2.9;transport={transport.lower()}>;+sip.srs",
            address=lambda _transport: "192.0.2.9:5060",
            refused=self.refused.append,
        )

    def _make(self) -> FakeMedia:
        self.media.append(FakeMedia(20_000 + 100 * len(self.media), self.ports_left))
        return self.media[-1]

    def give(self, request: bytes) -> list[Message]:
        """Hand over one message; return what is sent for it."""
        return self.read(self.agent.receive(parse_message(request), self.flow, self.now_s))

    def final(self, request: bytes) -> Response:
        """The last answer to a request."""
        answer = self.give(request)[-1]
        assert isinstance(answer, Response)
        return answer

    def wait(self, duration_s: float) -> list[Message]:
        """Let time pass in steps of 100 ms; return what is sent meanwhile."""
        sent: list[Send] = []
        for _ in range(round(duration_s * 10)):
            self.now_s += 0.1
            sent += self.agent.advance(self.now_s)
            sent += self.server.advance(self.agent, self.now_s)
        return self.read(sent)

    @staticmethod
    def read(sends: list[Send]) -> list[Message]:
        return [parse_message(send.message) for send in sends]


def tag_of(response: Response) -> str:
    """The tag that the server has chosen."""
    found = re.search(r";tag=(\w+)", response.headers.get("To") or "")
    assert found is not None
    return found[1]


def answered(response: Response) -> SessionDescription:
    """The answer in a 200."""
    assert response.status == 200
    assert response.headers.get("Content-Type") == "application/sdp"
    return parse_sdp(response.body)
