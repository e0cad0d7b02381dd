"""WHIP (RFC 9725): `POST /ingest/<trunk>/whip` takes an offer, `DELETE` of what it answers ends the call.

Who offers proves itself by a bearer token: the trunk's own (a device), or a one-time ticket of a signed-in
agent (the softphone page), who is then the agent of the call. Each offer is a call of its own; there is no
trickle of candidates (the answer holds all), so PATCH is refused with 405.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Protocol, runtime_checkable

from fastapi import APIRouter, Header, Query, Request, Response
from koemori.audio.errors import OfferError
from koemori.server.api.dependencies import Services, services_of
from koemori.server.api.errors import problem
from koemori.server.auth.permissions import Action, decide
from koemori.server.capture.trunk import TrunkContext
from koemori.server.capture.whip_settings import WhipTrunk

router = APIRouter()
_SDP = "application/sdp"
_PATH = "/ingest/{trunk}/whip"
_METHODS = "POST, DELETE, OPTIONS"


@dataclass(frozen=True, slots=True)
class Offerer:
    """Who offers a call, as far as it is known: the signed-in agent, and what the offer's query said."""

    agent_id: str | None = None
    customer_number: str | None = field(default=None, repr=False)
    queue: str | None = None
    external_ids: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class OfferTrunk(Protocol):
    """A trunk that takes offers; `WhipListener`, which alone needs the extra `webrtc`."""

    context: TrunkContext
    settings: WhipTrunk

    @property
    def full(self) -> bool:
        """Whether no further call is taken."""
        ...

    def knows(self, token: str) -> bool:
        """Whether this is the trunk's own token."""
        ...

    async def take(self, offer_sdp: str, offerer: Offerer) -> tuple[str, str]:
        """Begin a call; its name in our addresses, and the answer.

        Raises:
            OfferError: The offer cannot be answered.
        """
        ...

    def end(self, name: str) -> bool:
        """The peer is done; False when there is no such call."""
        ...

    def hold(self, name: str, held: bool) -> bool:
        """Keep audio out, or take it again; False when there is no such call."""
        ...


@router.post(_PATH, include_in_schema=False)
async def offer(
    request: Request,
    trunk: str,
    authorization: Annotated[str, Header()] = "",
    content_type: Annotated[str, Header()] = "",
    number: Annotated[str | None, Query(max_length=40)] = None,
    queue: Annotated[str | None, Query(max_length=100)] = None,
    external_id: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Take an offer: 201 with the answer and where to end it."""
    services = services_of(request)
    listener = services.trunks.listeners.get(trunk)
    if not isinstance(listener, OfferTrunk):
        return problem("not-found", "No trunk of this name takes WHIP.")
    host = request.client.host if request.client else ""
    if not listener.settings.allows(host):
        listener.context.refuse("not-allowed")
        return problem("not-allowed", "This address may not send to this trunk.")
    known, agent_id = await _who(services, listener, authorization)
    if not known:
        listener.context.refuse("bad-token")
        return problem("not-signed-in", "Expected a bearer token of this trunk or a fresh ticket.")
    if content_type.partition(";")[0].strip().lower() != _SDP:
        return problem("unsupported-media-type", f"Expected {_SDP}.")
    content = (await request.body()).decode("utf-8", "replace")
    if listener.full:
        listener.context.refuse("too-many-calls")
        return problem("too-many-calls", "The trunk takes no more calls now.")
    # A device says which call it carries; an agent could name another's, and learn who calls there.
    ids = {} if external_id is None or agent_id is not None else {"whip": external_id}
    offerer = Offerer(agent_id, number, queue, ids)
    try:
        name, answer = await listener.take(content, offerer)
    except OfferError as error:
        listener.context.refuse(error.code)
        return problem("offer", f"Expected {error.expected}; got {error.came}.")
    headers = {"Location": f"/ingest/{trunk}/whip/{name}"}
    return Response(answer, 201, headers, _SDP)


@router.delete(_PATH + "/{name}", include_in_schema=False)
async def end(request: Request, trunk: str, name: str) -> Response:
    """End the call; its name is known only to who offered it."""
    listener = services_of(request).trunks.listeners.get(trunk)
    if not isinstance(listener, OfferTrunk) or not listener.end(name):
        return problem("not-found", "There is no such call.")
    return Response(status_code=200)


@router.put(_PATH + "/{name}/hold", include_in_schema=False)
async def hold(request: Request, trunk: str, name: str) -> Response:
    """Hold: nothing is recorded or listened to until it ends. Beyond RFC 9725, for our softphone page."""
    return _held(request, trunk, name, held=True)


@router.delete(_PATH + "/{name}/hold", include_in_schema=False)
async def resume(request: Request, trunk: str, name: str) -> Response:
    """End the hold."""
    return _held(request, trunk, name, held=False)


def _held(request: Request, trunk: str, name: str, *, held: bool) -> Response:
    listener = services_of(request).trunks.listeners.get(trunk)
    if not isinstance(listener, OfferTrunk) or not listener.hold(name, held):
        return problem("not-found", "There is no such call.")
    return Response(status_code=204)


@router.options(_PATH, include_in_schema=False)
async def options() -> Response:
    """What can be done here (RFC 9725 §4.2)."""
    return Response(status_code=204, headers={"Accept-Post": _SDP, "Allow": _METHODS})


async def _who(services: Services, listener: OfferTrunk, authorization: str) -> tuple[bool, str | None]:
    """Whether the bearer is known, and the agent it stands for."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        return False, None
    if listener.knows(token):
        return True, None
    session_sha256 = services.tickets.redeem(token)
    if session_sha256 is None:
        return False, None
    found = await asyncio.to_thread(services.sessions.find_by_digest, session_sha256, touch=True)
    if found is None or not decide(found.identity, Action.CALL_OFFER).allowed:
        return False, None
    return True, found.identity.username
