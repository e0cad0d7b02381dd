"""How the lines stand by which calls come in, for supervisors."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Depends
from koemori.server.api.dependencies import Caller, Parts, Requires, Services, utc_now
from koemori.server.api.errors import responses
from koemori.server.auth.permissions import Action
from koemori.server.capture.faults import Trunk, TrunkFinding, judge
from koemori.server.capture.places import listens_at, media_at
from pydantic import BaseModel, Field

router = APIRouter(tags=["trunks"])
_READ = Depends(Requires(Action.WALLBOARD_READ))

State = Literal["live", "ready", "unused", "warning"]


class TrunkStanding(BaseModel):
    """One configured line; counts are since the start of the service."""

    name: str
    kind: str
    state: State = Field(
        description="`warning`: calls are lost or spoiled; else `live`, `ready`, or `unused` (none came yet)."
    )
    places: tuple[str, ...] = Field(description="Where the phone system sends calls.")
    media: str | None = Field(
        description="Where RTP is expected; null when audio comes the same way as the calls."
    )
    allow: tuple[str, ...] = Field(description="Networks that may send.")
    calls_live: int
    max_calls: int
    calls_taken: int
    refused: int
    last_call_at: datetime | None
    last_media_at: datetime | None
    opened_at: datetime
    findings: tuple[TrunkFinding, ...] = Field(description="What is to be said; what spoils calls first.")


class TrunkList(BaseModel):
    """Every line."""

    at: datetime
    items: tuple[TrunkStanding, ...]


@router.get("/trunks", operation_id="listTrunks", responses=responses(401, 403))
def list_trunks(parts: Parts, _caller: Caller = _READ) -> TrunkList:
    """Every line with its standing, and what is wrong with it in words."""
    now = utc_now()
    return TrunkList(at=now, items=tuple(_standing(parts, name, now) for name in parts.trunks.statuses))


def _standing(parts: Services, name: str, now: datetime) -> TrunkStanding:
    status, settings = parts.trunks.statuses[name], parts.settings.trunks[name]
    public_url = parts.settings.server.public_url
    findings = tuple(judge(Trunk(name, settings, public_url), status, now))
    return TrunkStanding(
        name=name,
        kind=settings.kind,
        state=_state(findings, status.calls_live, status.calls_taken),
        places=listens_at(name, settings, public_url),
        media=media_at(settings) or None,
        allow=tuple(str(network) for network in settings.allow),
        calls_live=status.calls_live,
        max_calls=settings.max_calls,
        calls_taken=status.calls_taken,
        refused=sum(status.refused.values()),
        last_call_at=status.last_call_at,
        last_media_at=status.last_media_at,
        opened_at=status.opened_at,
        findings=findings,
    )


def _state(findings: tuple[TrunkFinding, ...], live: int, taken: int) -> State:
    if any(finding.grave for finding in findings):
        return "warning"
    if live:
        return "live"
    return "ready" if taken else "unused"
