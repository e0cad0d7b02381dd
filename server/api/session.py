"""Signing in and out, and tickets for WebSockets."""

from __future__ import annotations

import logging
import math

from fastapi import APIRouter, Depends, Request, Response
from koemori.server.api.dependencies import Caller, Parts, Requires, Services
from koemori.server.api.errors import ApiError, responses
from koemori.server.api.schemas import SignIn, User, WsTicket
from koemori.server.auth.permissions import Action, Identity
from koemori.server.auth.sessions import ABSOLUTE
from koemori.server.bells import session_ended
from koemori.server.ws.tickets import LIFETIME_S

logger = logging.getLogger(__name__)
router = APIRouter(tags=["session"])
_USE = Depends(Requires(Action.SESSION_USE))


@router.post("/session", operation_id="signIn", responses=responses(401, 403, 422, 429))
def sign_in(given: SignIn, request: Request, response: Response, parts: Parts) -> User:
    """Sign in with a local account; the session comes back as a cookie."""
    address = request.client.host if request.client else "unknown"
    username = given.username.strip().lower()
    wait_s = parts.attempts.begin(username, address)
    if wait_s is not None:
        logger.warning("sign-in refused: too many attempts")
        raise ApiError(
            "too-many-attempts",
            "Too many failed attempts; wait before the next one.",
            headers={"Retry-After": str(math.ceil(wait_s))},
        )
    identity = parts.accounts.check(username, given.password)
    if identity is None:
        logger.info("sign-in failed")
        raise ApiError("sign-in-failed", "User name or password is wrong, or the account is disabled.")
    parts.attempts.succeeded(username, address)
    response.set_cookie(
        parts.cookie_name,
        parts.sessions.open(identity),
        max_age=int(ABSOLUTE.total_seconds()),
        path="/",
        httponly=True,
        secure=parts.origins.secure,
        samesite="strict",
    )
    return _user(identity)


@router.get("/session", operation_id="getSession", responses=responses(401))
def get_session(caller: Caller = _USE) -> User:
    """Who is signed in."""
    return _user(caller.identity)


@router.delete("/session", operation_id="signOut", status_code=204, responses=responses(401, 403))
def sign_out(response: Response, parts: Parts, caller: Caller = _USE) -> None:
    """End the session; its WebSockets are closed."""
    parts.sessions.revoke(caller.session_sha256)
    parts.bells.ring(session_ended(caller.session_sha256))
    _clear_cookie(response, parts)


@router.post("/ws-tickets", operation_id="createWsTicket", status_code=201, responses=responses(401, 403))
def create_ws_ticket(parts: Parts, caller: Caller = _USE) -> WsTicket:
    """A ticket to send as the first message of a WebSocket."""
    return WsTicket(ticket=parts.tickets.issue(caller.session_sha256), expires_in_s=LIFETIME_S)


def _clear_cookie(response: Response, parts: Services) -> None:
    response.delete_cookie(
        parts.cookie_name, path="/", httponly=True, secure=parts.origins.secure, samesite="strict"
    )


def _user(identity: Identity) -> User:
    return User.model_validate(identity)
