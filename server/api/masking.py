"""Masking of a live call by hand: nothing of it is recorded or recognised until it ends."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from koemori.server.api.dependencies import CallRequires, OnCall, Parts
from koemori.server.api.errors import ApiError, responses
from koemori.server.auth.permissions import Action
from koemori.server.calls.masking_plan import MaskingStanding
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

router = APIRouter(tags=["calls"])
_MASK = Depends(CallRequires(Action.CALL_MASK))
Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{0,39}$")]


class MaskingRequest(BaseModel):
    """Why and how long; all of it may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Code = Field(default="button", description="A code, never words: it is kept with the recording.")
    seconds: Annotated[float, Field(ge=1, le=3600, allow_inf_nan=False)] | None = Field(
        default=None, description="From now on; left out, and at most: `longest_s` of [masking]."
    )


class MaskingState(BaseModel):
    """Whether nothing of the call is kept."""

    model_config = ConfigDict(from_attributes=True)

    masked: bool
    reason: str | None
    until_ms: int | None = Field(description="Media time at which it ends by itself.")


@router.post(
    "/calls/{call_id}/masking",
    operation_id="startMasking",
    responses=responses(401, 403, 404, 409, 422),
)
async def start_masking(
    parts: Parts, wanted: MaskingRequest | None = None, on: OnCall = _MASK
) -> MaskingState:
    """Keep this call's sound out of recording and recognition from now on; again: as long from now."""
    wanted = wanted or MaskingRequest()
    return _state(await parts.live.mask(on.view.call.call_id, wanted.reason, wanted.seconds))


@router.delete(
    "/calls/{call_id}/masking", operation_id="stopMasking", responses=responses(401, 403, 404, 409)
)
async def stop_masking(parts: Parts, on: OnCall = _MASK) -> MaskingState:
    """Keep this call's sound again; harmless where it is kept."""
    return _state(await parts.live.unmask(on.view.call.call_id))


def _state(standing: MaskingStanding | None) -> MaskingState:
    if standing is None:
        raise ApiError("call-ended", "This call is over.")
    return MaskingState.model_validate(standing)
