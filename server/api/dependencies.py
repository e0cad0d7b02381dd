"""What routes are given: the service's parts, the signed-in person, and the call or recording concerned.

A route declares its right through one of the `…Requires` classes, which look it up and decide before the
route's code runs. A route that declares none is refused when the application is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Protocol

from fastapi import Depends, Request
from koemori.assist.ladder import LadderStanding
from koemori.assist.types import Approval
from koemori.audio.call import CallId
from koemori.server.api.errors import ApiError
from koemori.server.archive.renditions import Renditions
from koemori.server.archive.store import LocalRecordingStore
from koemori.server.auth.accounts import Accounts
from koemori.server.auth.attempts import AttemptLimiter
from koemori.server.auth.origins import Origins
from koemori.server.auth.permissions import Action, CallResource, Identity, Reach, decide, reach_of
from koemori.server.auth.sessions import ActiveSession, Sessions
from koemori.server.bells import Bells
from koemori.server.bus import EventBus
from koemori.server.calls.masking_plan import MaskingStanding
from koemori.server.capture.trunks import Trunks
from koemori.server.config import Settings
from koemori.server.cti.feed import CtiFeed
from koemori.server.db.engine import Database
from koemori.server.db.repositories import calls, recordings
from koemori.server.db.repositories.calls import CallView
from koemori.server.db.repositories.recordings import RecordingView
from koemori.server.playbooks import Playbooks
from koemori.server.queue_feed import QueueFeed
from koemori.server.search.port import TranscriptIndex
from koemori.server.telemetry import Metrics
from koemori.server.ws.tickets import Tickets


class LiveCalls(Protocol):
    """The calls that are going on in this process."""

    async def edit(self, call_id: str, values: Mapping[str, str]) -> bool:
        """Hand an agent's edit to the case; a `case` event follows. False when the call is not live."""
        ...

    async def approve(self, call_id: str, user_name: str, display_name: str) -> Approval | None:
        """Hand a supervisor's approval to the call; None when it is not live or does not stand there."""
        ...

    async def mask(self, call_id: str, reason: str, seconds: float | None) -> MaskingStanding | None:
        """Keep a live call's sound out from now on; None when it is not live."""
        ...

    async def unmask(self, call_id: str) -> MaskingStanding | None:
        """Keep a live call's sound again; None when it is not live."""
        ...

    def ladder(self, call_id: str) -> LadderStanding | None:
        """Where a live call stands on the warning ladder; None before anything called for it. Thread-safe."""
        ...

    def call_ids(self) -> tuple[CallId, ...]:
        """Calls that have begun and not ended."""
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """The parts that routes and sockets work with; built once by `create_app`."""

    settings: Settings
    database: Database
    accounts: Accounts
    sessions: Sessions
    attempts: AttemptLimiter
    tickets: Tickets
    origins: Origins
    index: TranscriptIndex
    bus: EventBus
    live: LiveCalls
    trunks: Trunks
    cti: CtiFeed
    bells: Bells
    playbooks: Playbooks
    queues: QueueFeed
    archive: LocalRecordingStore
    metrics: Metrics
    renditions: Renditions = field(default_factory=Renditions)
    """Redacted sound that was made lately."""

    @property
    def cookie_name(self) -> str:
        """The session cookie's name; the prefix binds it to this host over https (RFC 6265bis §4.1.3)."""
        return "__Host-koemori_session" if self.origins.secure else "koemori_session"


def services_of(request: Request) -> Services:
    """The parts of the application that serves this request."""
    found = request.app.state.services
    assert isinstance(found, Services)  # noqa: S101 - create_app put it there
    return found


Parts = Annotated[Services, Depends(services_of)]


def current_session(request: Request, parts: Parts) -> ActiveSession:
    """The session of the request's cookie.

    Raises:
        ApiError: `not-signed-in`.
    """
    token = request.cookies.get(parts.cookie_name)
    found = None if token is None else parts.sessions.find(token)
    if found is None:
        raise ApiError("not-signed-in", "Sign in first, or again: this session is over.")
    return found


SignedIn = Annotated[ActiveSession, Depends(current_session)]


@dataclass(frozen=True, slots=True)
class Caller:
    """The person, and how far the right that the route declared goes."""

    identity: Identity
    session_sha256: str
    reach: Reach


@dataclass(frozen=True, slots=True)
class OnCall:
    """The person and the call they may act on."""

    identity: Identity
    view: CallView


@dataclass(frozen=True, slots=True)
class OnRecording:
    """The person and the recording they may act on."""

    identity: Identity
    view: RecordingView


@dataclass(frozen=True, slots=True)
class Requires:
    """Dependency: the person has this right for something at least; the route limits itself by `reach`."""

    action: Action

    def __call__(self, session: SignedIn) -> Caller:
        """Decide.

        Raises:
            ApiError: `not-allowed`.
        """
        refuse_unless_allowed(session.identity, self.action)
        reach = reach_of(session.identity, self.action)
        assert reach is not None  # noqa: S101 - a right that was just granted has a reach
        return Caller(session.identity, session.token_sha256, reach)


@dataclass(frozen=True, slots=True)
class CallRequires:
    """Dependency: the person has this right for the call in the path."""

    action: Action

    def __call__(self, call_id: str, session: SignedIn, parts: Parts) -> OnCall:
        """Decide.

        Raises:
            ApiError: `not-allowed`, `call-not-found`.
        """
        refuse_unless_allowed(session.identity, self.action)
        with parts.database.read() as transaction:
            view = calls.find(transaction, call_id)
        if view is None:
            raise ApiError("call-not-found", "There is no call of this id.")
        refuse_unless_allowed(session.identity, self.action, resource_of(view))
        return OnCall(session.identity, view)


@dataclass(frozen=True, slots=True)
class RecordingRequires:
    """Dependency: the person has this right for the recording in the path."""

    action: Action

    def __call__(self, recording_id: str, session: SignedIn, parts: Parts) -> OnRecording:
        """Decide.

        Raises:
            ApiError: `not-allowed`, `recording-not-found`.
        """
        refuse_unless_allowed(session.identity, self.action)
        with parts.database.read() as transaction:
            view = recordings.find(transaction, recording_id)
        if view is None:
            raise ApiError("recording-not-found", "There is no recording of this id.")
        resource = CallResource(view.call.agent_id, live=view.call.state == calls.LIVE)
        refuse_unless_allowed(session.identity, self.action, resource)
        return OnRecording(session.identity, view)


def resource_of(view: CallView) -> CallResource:
    """What a decision about this call needs to know."""
    return CallResource(view.call.agent_id, live=view.call.state == calls.LIVE)


def refuse_unless_allowed(who: Identity, action: Action, resource: CallResource | None = None) -> None:
    """Turn a decision into an error.

    Raises:
        ApiError: `not-allowed`, with the reason in words.
    """
    decision = decide(who, action, resource)
    if not decision.allowed:
        raise ApiError("not-allowed", _REFUSALS[decision.reason or "role"])


_REFUSALS = {
    "role": "Your role does not include this.",
    "not-own": "This belongs to another agent's call.",
    "live": "This call is still going on; it opens when it is over.",
}


def utc_now() -> datetime:
    """Wall time, for facts about the world."""
    return datetime.now(UTC)
