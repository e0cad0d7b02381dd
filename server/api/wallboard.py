"""The supervisor's board: queues and live calls at this moment."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Depends
from koemori.server import wallboard
from koemori.server.api import views
from koemori.server.api.dependencies import Caller, Parts, Requires, Services, utc_now
from koemori.server.api.errors import responses
from koemori.server.api.schemas import Formula, QueueFigures, Wallboard
from koemori.server.auth.permissions import Action, Identity, Reach
from koemori.server.db.repositories import calls

router = APIRouter(tags=["wallboard"])
_READ = Depends(Requires(Action.WALLBOARD_READ))


@router.get("/wallboard", operation_id="getWallboard", responses=responses(401, 403))
def get_wallboard(parts: Parts, caller: Caller = _READ) -> Wallboard:
    """Queues since midnight, waits now, and live calls: most severe first, then the longest."""
    return snapshot(parts, caller.identity, caller.reach, utc_now())


def snapshot(parts: Services, who: Identity, reach: Reach, at: datetime) -> Wallboard:
    """The board at a moment; blocking. Midnight is that of the machine's time zone."""
    since = at.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    with parts.database.read() as transaction:
        live = calls.live(transaction, who, reach)
    figures = parts.queues.figures(since, at)
    return Wallboard(
        at=at,
        since=since,
        queues=[QueueFigures.model_validate(queue) for queue in figures],
        calls=[views.live_summary(view, parts.bus, parts.live.ladder(view.call.call_id)) for view in live],
        formulas={
            name: Formula(formula=text.formula, source=text.source)
            for name, text in wallboard.FORMULAS.items()
        },
    )
