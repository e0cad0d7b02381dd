"""Operational events from phone systems: `POST /events`."""

from __future__ import annotations

import hmac
import ipaddress

from fastapi import APIRouter, Depends, Request
from koemori.server.api.dependencies import Parts, services_of
from koemori.server.api.errors import ApiError, responses
from koemori.server.api.schemas import EventReceipt
from koemori.server.bells import CALLS
from koemori.server.cti import joining
from koemori.server.cti.schema import OperationalEvent

router = APIRouter(tags=["events"])


def cti_peer(request: Request) -> None:
    """Dependency: the peer holds the token of `[cti]`; without one configured, it is on this machine.

    A web page that a browser on this machine happens to show is not what is meant by that.

    Raises:
        ApiError: `token-invalid`.
    """
    services = services_of(request)
    expected = services.settings.cti.bearer_token()
    if expected is None:
        foreign = services.origins.foreign(request.headers.get("origin"), request.scope)
        if foreign or not _is_loopback(request):
            raise ApiError("token-invalid", "No token is configured, so only this machine may send events.")
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), expected.encode()):
        raise ApiError(
            "token-invalid",
            "Expected the bearer token of the section [cti].",
            headers={"WWW-Authenticate": "Bearer"},
        )


@router.post(
    "/events",
    operation_id="postEvent",
    status_code=202,
    dependencies=[Depends(cti_peer)],
    responses=responses(401, 422),
)
def post_event(event: OperationalEvent, parts: Parts) -> EventReceipt:
    """Take an event of a phone system; sending it again is harmless, and it may come late."""
    stored = joining.record(parts.database, event)
    if stored:
        parts.bells.ring(CALLS)
    return EventReceipt(accepted=stored, duplicate=not stored)


def _is_loopback(request: Request) -> bool:
    """Whether the peer itself is on this machine; a proxy there speaks for somebody elsewhere."""
    if "forwarded" in request.headers or "x-forwarded-for" in request.headers:
        return False
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
