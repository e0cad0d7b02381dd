"""A small office for tests: the real application on real SQLite files, people, calls and recordings.

Only the pipeline is faked (no models, no journal of its own); calls are put into the database as a session
would put them, and recordings are sealed by the real journal and archive.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
from argon2 import PasswordHasher
from fastapi import FastAPI
from koemori.assist.types import Category, EndState
from koemori.audio.call import CallEnded, CallId, CallStarted, Channel, ChannelRole, LegId
from koemori.audio.frames import AudioFrame
from koemori.audio.ids import new_call_id
from koemori.audio.journal import Journal
from koemori.server import http
from koemori.server.api.dependencies import Services
from koemori.server.app import SOCKETS, create_app, running
from koemori.server.archive.sealing import SealedRecording, seal_call
from koemori.server.archive.store import LocalRecordingStore
from koemori.server.auth.accounts import Accounts
from koemori.server.auth.origins import Origins
from koemori.server.auth.passwords import Passwords
from koemori.server.auth.permissions import Identity, Role
from koemori.server.calls.ports import CallPorts
from koemori.server.config import Settings
from koemori.server.db import schema
from koemori.server.db.call_store import CallRecords
from koemori.server.db.engine import Database
from koemori.server.playbooks import Playbooks
from koemori.server.telemetry import Metrics
from koemori.server.wire import (
    AlertEvent,
    CallEndedEvent,
    CallStartedEvent,
    CaseEvent,
    UtteranceEvent,
    WireEvent,
    WireFieldValue,
    WireLatency,
    WireLedger,
)
from numpy.typing import NDArray
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

ORIGIN = "http://127.0.0.1:8410"
PASSWORD = "correct horse battery"
STARTED_AT = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
RATE_HZ = 8000


def cheap_passwords() -> Passwords:
    """Argon2 with the least it takes, so that tests do not wait for it."""
    return Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@dataclass(slots=True)
class NoPipeline:
    """A pipeline that no call ever uses."""

    playbooks: Playbooks = field(default_factory=lambda: Playbooks(None))
    closed: bool = False

    @property
    def ports(self) -> CallPorts:
        """Makers that must not be called."""

        def never(*_arguments: object) -> object:
            raise AssertionError("no call runs in this test")

        return CallPorts(never, never, never, never, never)  # type: ignore[arg-type]

    async def aclose(self) -> None:
        """Nothing to close."""
        self.closed = True


async def open_no_pipeline(settings: Settings, _metrics: Metrics) -> NoPipeline:
    """Stands for `Pipeline.open`."""
    return NoPipeline(Playbooks(settings.assist.playbook_dir))


@dataclass(slots=True)
class Office:
    """The application and what is in it.

    Attributes:
        home: Where database and archive lie.
        settings: The application's settings.
        client: Nobody's browser, with the right Origin.
    """

    home: Path
    settings: Settings
    client: TestClient
    people: dict[str, Identity] = field(default_factory=dict)

    @property
    def services(self) -> Services:
        """The application's parts."""
        found: Services = self.client.app.state.services  # type: ignore[attr-defined]
        return found

    @property
    def records(self) -> CallRecords:
        """What sessions write with."""
        return CallRecords(self.services.database)

    def hire(self, username: str, role: Role, display_name: str = "") -> Identity:
        """Make an account with the password every test knows."""
        accounts = Accounts(self.services.database, cheap_passwords())
        self.people[username] = accounts.add(username, PASSWORD, role, display_name=display_name)
        return self.people[username]

    def browser(self, username: str | None = None) -> TestClient:
        """A browser of its own, signed in when a user name is given. Shares the running application."""
        browser = TestClient(
            self.client.app, base_url=ORIGIN, headers={"Origin": ORIGIN}, client=("127.0.0.1", 50_000)
        )
        browser.portal = self.client.portal
        if username is not None:
            answer = browser.post("/api/v1/session", json={"username": username, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
        return browser

    def call(
        self,
        agent: str | None = "agent1",
        *,
        lines: Sequence[tuple[str, str]] = (("customer", "電話がつながらないんです"),),
        ended: bool = True,
        started_at: datetime = STARTED_AT,
        alert: Category | None = None,
        fields: dict[str, str] | None = None,
        number: str | None = None,
        external_ids: dict[str, str] | None = None,
    ) -> CallId:
        """A call as a session leaves it in the database, two seconds a line."""
        started = call_started(agent, started_at, number, external_ids)
        self.records.call_started(started)
        events = scripted_events(started.call_id, lines, alert, fields)
        self.records.append(started.call_id, events)
        if ended:
            self.end(started.call_id, len(events) + 1, 2000 * len(lines))
        return started.call_id

    def end(self, call_id: CallId, seq: int, duration_ms: int) -> None:
        """End a call as a session does."""
        last = ended_event(call_id, seq, duration_ms)
        self.records.append(call_id, [last])
        self.records.ended(call_id, last)

    def recording(self, call_id: CallId, seconds: float = 1.0) -> SealedRecording:
        """Record, seal and note two channels of noise for a call."""
        sealed = sealed_noise(self.home / "archive", call_id, seconds)
        self.records.sealed(call_id, sealed)
        return sealed


@contextmanager
def open_office(home: Path, **sections: object) -> Iterator[Office]:
    """The running application in an empty folder, with one person of each role and a second agent."""
    settings = Settings.model_validate(
        {
            "database": {"url": f"sqlite:///{home}/koemori.db"},
            "archive": {"directory": home / "archive"},
            **sections,
        }
    )
    browser = {"base_url": ORIGIN, "headers": {"Origin": ORIGIN}, "client": ("127.0.0.1", 50_000)}
    with TestClient(_application(settings), **browser) as client:
        office = Office(home, settings, client)
        office.hire("agent1", Role.AGENT, "応対 一郎")
        office.hire("agent2", Role.AGENT, "応対 二郎")
        office.hire("boss", Role.SUPERVISOR, "管理 花子")
        office.hire("counsel", Role.LEGAL, "法務 三郎")
        yield office


def _application(settings: Settings) -> FastAPI:
    """The application; its routes are built once for all tests that need nothing special of them."""
    if settings.server.public_url is not None:
        return create_app(settings, open_pipeline=open_no_pipeline, passwords=cheap_passwords())
    origins, app = _shared_routes()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(settings, origins, open_no_pipeline, cheap_passwords()) as services:
            app.state.services = services
            yield

    app.router.lifespan_context = lifespan
    return app


@cache
def _shared_routes() -> tuple[Origins, FastAPI]:
    origins = Origins(None)
    app = http.build(origins, None, SOCKETS)
    app.add_middleware(SocketsEnd)
    return origins, app


class SocketsEnd:
    """Says when the application is done with a socket, so that a test can leave it in good order."""

    ENDED = "tests.ended"

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, then tell."""
        ended = scope.setdefault(self.ENDED, threading.Event())
        try:
            await self._app(scope, receive, send)
        finally:
            ended.set()


def open_database(home: Path) -> Database:
    """A migrated database without the application around it."""
    url = f"sqlite:///{home}/koemori.db"
    schema.upgrade(url)
    return Database(url)


def call_started(
    agent: str | None = "agent1",
    started_at: datetime = STARTED_AT,
    number: str | None = None,
    external_ids: dict[str, str] | None = None,
) -> CallStarted:
    """The beginning of a two-sided call."""
    call_id = new_call_id(started_at)
    roles = (ChannelRole.AGENT, ChannelRole.CUSTOMER)
    channels = tuple(
        Channel(call_id, LegId(f"leg-{index}"), index, role, "media") for index, role in enumerate(roles)
    )
    return CallStarted(
        call_id, started_at, RATE_HZ, channels, external_ids or {}, agent_id=agent, customer_number=number
    )


def scripted_events(
    call_id: CallId,
    lines: Sequence[tuple[str, str]],
    alert: Category | None = None,
    fields: dict[str, str] | None = None,
) -> list[WireEvent]:
    """`call_started`, an utterance a line, then the alert and the case when wanted; `seq` from 1."""
    events: list[WireEvent] = [
        CallStartedEvent(call_id=call_id, seq=1, at_ms=0, started_at=STARTED_AT, channels=())
    ]
    for number, (speaker, text) in enumerate(lines):
        events.append(utterance(call_id, len(events) + 1, speaker, text, number * 2000))
    if alert is not None:
        events.append(
            AlertEvent(
                call_id=call_id,
                seq=len(events) + 1,
                at_ms=1900,
                alert_id="a-1",
                category=alert,
                severity=2,
                harassment=True,
                rule_id="rule",
                utterance_ids=("1-0",),
                quote="つながらない",
                explanation="試験",
            )
        )
    if fields is not None:
        events.append(case_event(call_id, len(events) + 1, 1, fields))
    return events


def utterance(call_id: str, seq: int, speaker: str, text: str, start_ms: int) -> UtteranceEvent:
    """A final utterance of one and a half seconds."""
    return UtteranceEvent(
        call_id=call_id,
        seq=seq,
        at_ms=start_ms + 1500,
        speaker=ChannelRole(speaker),
        utterance_id=f"{0 if speaker == 'agent' else 1}-{start_ms}",
        start_ms=start_ms,
        end_ms=start_ms + 1500,
        text=text,
        model_id="test",
    )


def case_event(call_id: str, seq: int, revision: int, fields: dict[str, str], **confirmed: str) -> CaseEvent:
    """A case with fields heard at 0.6 confidence, and confirmed ones."""
    values = {name: WireFieldValue(value=value, confidence=0.6) for name, value in fields.items()}
    values |= {
        name: WireFieldValue(value=value, confidence=1.0, confirmed=True) for name, value in confirmed.items()
    }
    return CaseEvent(
        call_id=call_id,
        seq=seq,
        at_ms=2000,
        revision=revision,
        fields=values,
        end_state=EndState.OPEN,
        demand_validity="unknown",
        manner="calm",
    )


def ended_event(call_id: str, seq: int, duration_ms: int) -> CallEndedEvent:
    """The last event of a call that was not recorded."""
    return CallEndedEvent(
        call_id=call_id,
        seq=seq,
        at_ms=duration_ms,
        duration_ms=duration_ms,
        reason="completed",
        recording=None,
        ledger=WireLedger(channels=()),
        latency=WireLatency(),
    )


def silence(sample_count: int) -> NDArray[np.int16]:
    """Samples that say nothing."""
    return np.zeros(sample_count, np.int16)


def sealed_noise(archive_dir: Path, call_id: CallId, seconds: float = 1.0) -> SealedRecording:
    """Record and seal two channels of quiet noise through the real journal."""
    roles = (ChannelRole.AGENT, ChannelRole.CUSTOMER)
    channels = tuple(
        Channel(call_id, LegId(f"leg-{index}"), index, role, "media") for index, role in enumerate(roles)
    )
    started = CallStarted(call_id, STARTED_AT, RATE_HZ, channels)
    noise = np.random.default_rng(7).integers(-3000, 3000, int(seconds * RATE_HZ), dtype=np.int16)
    journal = Journal(archive_dir / "journal")
    try:
        recorder = journal.open_call(started)
        for channel in channels:
            recorder.push(AudioFrame(channel, 0, RATE_HZ, noise))
        recorder.close(CallEnded(call_id, int(seconds * 1000), "completed")).result(10)
        return seal_call(journal, call_id, LocalRecordingStore(archive_dir))
    finally:
        journal.close()
