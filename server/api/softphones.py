"""Which trunks an agent's browser may offer calls to."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from koemori.server.api.dependencies import Caller, Parts, Requires
from koemori.server.api.errors import responses
from koemori.server.auth.permissions import Action
from pydantic import BaseModel

router = APIRouter(tags=["softphones"])
_OFFER = Depends(Requires(Action.CALL_OFFER))


class Softphones(BaseModel):
    """Names of the trunks of kind `whip`, to offer calls to at `/ingest/<name>/whip`."""

    trunks: list[str]


@router.get(
    "/softphones",
    operation_id="listSoftphones",
    responses=responses(401, 403),
)
def list_softphones(parts: Parts, _caller: Caller = _OFFER) -> Softphones:
    """Trunks that take calls from browsers."""
    return Softphones(trunks=sorted(name for name, kind in parts.trunks.kinds.items() if kind == "whip"))
