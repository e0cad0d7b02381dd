"""Ports for calls that come as plain RTP: a phone system asks, sends, and says when it is over."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from koemori.audio.call import ChannelRole
from koemori.audio.errors import MediaPortError
from koemori.server.api.dependencies import Parts, Services
from koemori.server.api.errors import ApiError, responses
from koemori.server.api.events import cti_peer
from koemori.server.capture.rtp import RtpListener, TooManyRtpCallsError, WantedCall
from koemori.server.capture.rtp_settings import RtpCodec
from koemori.server.cti.schema import Name
from pydantic import BaseModel, ConfigDict, Field

router = APIRouter(tags=["trunks"])
_MOST_IDS = 16


class PortsRequest(BaseModel):
    """What the phone system knows of the call; all of it may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    legs: tuple[ChannelRole, ...] = Field(
        default=(ChannelRole.AGENT, ChannelRole.CUSTOMER),
        min_length=1,
        max_length=2,
        description="Whose voices come, each at ports of its own; one `unknown` for both together.",
    )
    media: RtpCodec | None = Field(default=None, description="Left out: as the trunk's settings say.")
    external_ids: dict[Name, Name] = Field(
        default_factory=dict, max_length=_MOST_IDS, description="Names of the call: `linked_id`, `channel`."
    )
    agent_id: Name | None = Field(default=None, description="User name of the agent.")
    from_: Name | None = Field(default=None, alias="from", description="Number of the customer.")
    queue: Name | None = None


class LegPorts(BaseModel):
    """Where one voice is to be sent."""

    role: ChannelRole
    rtp_port: int
    rtcp_port: int


class PortsAnswer(BaseModel):
    """Ports that wait for a call."""

    name: str = Field(description="Of the call, to end it by; the call carries it as `rtp_call`.")
    host: str
    legs: tuple[LegPorts, ...]


@router.post(
    "/trunks/{trunk}/calls",
    operation_id="openTrunkCall",
    status_code=201,
    dependencies=[Depends(cti_peer)],
    responses=responses(401, 404, 422, 503),
)
async def open_trunk_call(trunk: str, wanted: PortsRequest, parts: Parts) -> PortsAnswer:
    """Give ports for one call; it begins with the first packet and ends with silence or on request."""
    listener = _rtp_trunk(parts, trunk)
    try:
        given = listener.give_ports(
            WantedCall(
                roles=wanted.legs,
                codec=wanted.media,
                external_ids=dict(wanted.external_ids),
                agent_id=wanted.agent_id,
                customer_number=wanted.from_,
                queue=wanted.queue,
            )
        )
    except (TooManyRtpCallsError, MediaPortError) as error:
        raise ApiError("too-many-calls", str(error)) from None
    legs = tuple(LegPorts(role=role, rtp_port=rtp, rtcp_port=rtcp) for role, rtp, rtcp in given.ports)
    return PortsAnswer(name=given.name, host=given.host, legs=legs)


@router.delete(
    "/trunks/{trunk}/calls/{name}",
    operation_id="closeTrunkCall",
    status_code=204,
    dependencies=[Depends(cti_peer)],
    responses=responses(401, 404),
)
async def close_trunk_call(trunk: str, name: Annotated[str, Name], parts: Parts) -> Response:
    """End a call that was given ports; one that has ended by itself is not found."""
    if not _rtp_trunk(parts, trunk).end_call(name):
        raise ApiError("call-not-found", "There is no call of this name on this trunk.")
    return Response(status_code=204)


def _rtp_trunk(parts: Services, name: str) -> RtpListener:
    listener = parts.trunks.listeners.get(name)
    if not isinstance(listener, RtpListener):
        raise ApiError("not-found", "There is no trunk of this name that takes plain RTP.")
    return listener
