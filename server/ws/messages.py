"""Messages of `/ws/desk` and `/ws/wallboard` besides the events themselves, which go out as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from koemori.server.api.schemas import CallSummary, Wallboard
from koemori.server.wire import WireEvent
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

_Id = Annotated[str, StringConstraints(min_length=1, max_length=64)]
_Seq = Annotated[int, Field(ge=0, le=2**31)]


class _FromClient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Hello(_FromClient):
    """The first message: the ticket, and where a reconnecting page wants to go on."""

    type: Literal["hello"]
    ticket: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    call_id: _Id | None = None
    after_seq: _Seq = 0


class Subscribe(_FromClient):
    """Send the events of a call with `seq > after_seq`: kept ones first, then live ones."""

    type: Literal["subscribe"]
    call_id: _Id
    after_seq: _Seq = 0


class Unsubscribe(_FromClient):
    """Send no more events of a call."""

    type: Literal["unsubscribe"]
    call_id: _Id


class Ping(_FromClient):
    """Is anyone there?"""

    type: Literal["ping"]


class Edit(_FromClient):
    """The agent's values for case fields; sending it again with the same values is harmless."""

    type: Literal["edit"]
    edit_id: _Id
    call_id: _Id
    values: dict[str, str]


class CallsMessage(BaseModel):
    """The person's live calls; sent at the beginning and whenever something in it changed."""

    type: Literal["calls"] = "calls"
    items: list[CallSummary]


class Pong(BaseModel):
    """Yes."""

    type: Literal["pong"] = "pong"


class Edited(BaseModel):
    """What became of an edit; when `ok`, the case has it, and on a live call a `case` event too."""

    type: Literal["edited"] = "edited"
    edit_id: str
    ok: bool
    code: str | None = None


class Refused(BaseModel):
    """A message that was understood and not followed; the connection goes on."""

    type: Literal["error"] = "error"
    code: str
    detail: str
    call_id: str | None = None


class WallboardMessage(Wallboard):
    """The board; sent each second in which something changed."""

    type: Literal["wallboard"] = "wallboard"


DeskClientMessage = Annotated[Hello | Subscribe | Unsubscribe | Ping | Edit, Field(discriminator="type")]
DeskServerMessage = Annotated[WireEvent | CallsMessage | Pong | Edited | Refused, Field(discriminator="type")]
WallboardServerMessage = Annotated[WallboardMessage | Pong, Field(discriminator="type")]

CLIENT_MESSAGE: TypeAdapter[DeskClientMessage] = TypeAdapter(DeskClientMessage)

SOCKET_MESSAGES: Mapping[str, TypeAdapter[Any]] = {
    "DeskClientMessage": CLIENT_MESSAGE,
    "DeskServerMessage": TypeAdapter(DeskServerMessage),
    "WallboardServerMessage": TypeAdapter(WallboardServerMessage),
}
"""What goes over the sockets, by the name it has in the OpenAPI description."""
