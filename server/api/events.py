"""Operational events: `POST /events`, or as a phone system words them, `POST /events/{mapper}`.

A peer proves itself by the bearer token of `[cti]` or by a signature (`koemori.server.cti.signing`); where
neither is configured it is on this machine. A request that carries a signature must carry a right one.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import time
from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Body, Depends, Request
from koemori.server.api.dependencies import Parts, services_of
from koemori.server.api.errors import ApiError, responses
from koemori.server.api.schemas import EventReceipt, MappedReceipt
from koemori.server.auth.origins import forwarded
from koemori.server.cti.mapping import EventMappingError, load_mapper
from koemori.server.cti.schema import OperationalEvent
from koemori.server.cti.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, SignatureCheck

logger = logging.getLogger(__name__)
router = APIRouter(tags=["events"])


async def cti_peer(request: Request) -> None:
    """Dependency: the peer has proved itself, or is on this machine where nothing to prove is configured.

    A web page that a browser on this machine happens to show is not what is meant by that.

    Raises:
        ApiError: `token-invalid`, `signature-invalid`.
    """
    services = services_of(request)
    token, check = services.settings.cti.bearer_token(), services.cti.signatures
    signed = SIGNATURE_HEADER in request.headers
    if check is not None and signed:
        await _check_signature(request, check)
    elif token is not None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
            _refuse(request, "token-invalid", "Expected the bearer token of the section [cti].")
    elif check is not None:
        _refuse(
            request, "signature-invalid", f"Expected the headers {TIMESTAMP_HEADER} and {SIGNATURE_HEADER}."
        )
    else:
        foreign = services.origins.foreign(request.headers.get("origin"), request.scope)
        if foreign or not _is_loopback(request):
            _refuse(request, "token-invalid", "No token is configured, so only this machine may send events.")


async def _check_signature(request: Request, check: SignatureCheck) -> None:
    headers = request.headers
    fault = check.fault(
        headers.get(TIMESTAMP_HEADER), headers.get(SIGNATURE_HEADER), await request.body(), time.time()
    )
    if fault is not None:
        _refuse(request, "signature-invalid", f"The signature does not hold: {fault.value}.")


def _refuse(request: Request, code: str, sentence: str) -> NoReturn:
    services_of(request).metrics.ingest_errors.labels(f"events-{code}").inc()
    logger.warning("event refused", extra={"code": code})
    raise ApiError(code, sentence, headers={"WWW-Authenticate": "Bearer"})


@router.post(
    "/events",
    operation_id="postEvent",
    status_code=202,
    dependencies=[Depends(cti_peer)],
    responses=responses(401, 422),
)
async def post_event(event: OperationalEvent, parts: Parts) -> EventReceipt:
    """Take an event of a phone system; sending it again is harmless, and it may come late."""
    stored = await parts.cti.take(event)
    return EventReceipt(accepted=stored, duplicate=not stored)


@router.post(
    "/events/{mapper}",
    operation_id="postMappedEvents",
    status_code=202,
    dependencies=[Depends(cti_peer)],
    responses=responses(401, 404, 422),
)
async def post_mapped_events(mapper: str, document: Annotated[Any, Body()], parts: Parts) -> MappedReceipt:
    """Take events as a phone system words them; those that say nothing we keep are passed over."""
    rules = load_mapper(mapper)
    if rules is None:
        raise ApiError("mapper-unknown", "There is no mapper of this name.")
    try:
        events = rules.events(document)
    except EventMappingError as error:
        parts.metrics.ingest_errors.labels(error.code).inc()
        raise ApiError("request-invalid", str(error)) from None
    stored = [await parts.cti.take(event) for event in events]
    return MappedReceipt(accepted=sum(stored), duplicates=len(stored) - sum(stored))


def _is_loopback(request: Request) -> bool:
    """Whether the peer itself is on this machine; a proxy there speaks for somebody elsewhere."""
    if forwarded(request.headers):
        return False
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
