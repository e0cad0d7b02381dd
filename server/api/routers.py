"""All routers under one prefix, and the promise that none of their routes is open by accident."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from koemori.server.api import (
    calls,
    cases,
    events,
    health,
    masking,
    people,
    playback,
    playbook,
    recordings,
    reuse,
    session,
    softphones,
    trunk_calls,
    trunks,
    wallboard,
)
from koemori.server.api.dependencies import CallRequires, RecordingRequires, Requires
from koemori.server.api.errors import responses
from koemori.server.auth.permissions import Action

PREFIX = "/api/v1"

OPEN_OPERATIONS = {
    "signIn": "whoever signs in is not signed in yet",
    "getHealth": "watched by machines; tells whether the service works, and by which playbook",
    "postEvent": "phone systems present a token or a signature, or are on this machine",
    "postMappedEvents": "as postEvent",
    "openTrunkCall": "as postEvent",
    "closeTrunkCall": "as postEvent",
}
"""Operations that need no session, each with the reason."""


class UndeclaredRightError(AssertionError):
    """A route that says neither which right it needs nor why it needs none."""


def build() -> APIRouter:
    """The API.

    Raises:
        UndeclaredRightError: A route declares no right.
    """
    api = APIRouter(prefix=PREFIX, responses=responses(422))
    modules = (
        session,
        calls,
        masking,
        cases,
        recordings,
        playback,
        reuse,
        playbook,
        wallboard,
        people,
        softphones,
        events,
        trunk_calls,
        trunks,
        health,
    )
    for module in modules:
        for route in module.router.routes:
            if (
                isinstance(route, APIRoute)
                and route.operation_id not in OPEN_OPERATIONS
                and not rights_of(route)
            ):
                raise UndeclaredRightError(f"expected a declared right; got none on {route.path}")
        api.include_router(module.router)
    return api


def rights_of(route: APIRoute) -> set[Action]:
    """The rights that a route declares."""
    return {
        dependency.call.action
        for dependency in _flat(route.dependant)
        if isinstance(dependency.call, Requires | CallRequires | RecordingRequires)
    }


def _flat(dependant: Dependant) -> Iterator[Dependant]:
    for dependency in dependant.dependencies:
        yield dependency
        yield from _flat(dependency)
