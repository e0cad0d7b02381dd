"""`/ws/wallboard`: the supervisor's board, sent each second in which something on it changed."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, WebSocket
from koemori.server.api.dependencies import Services, utc_now
from koemori.server.api.schemas import Wallboard
from koemori.server.api.wallboard import snapshot
from koemori.server.auth.permissions import Action, reach_of
from koemori.server.ws.connection import CloseCode, CloseError, Connection, serve
from koemori.server.ws.messages import Ping, Pong, WallboardMessage

_EVERY_S = 1.0

router = APIRouter()


@router.websocket("/ws/wallboard")
async def wallboard(socket: WebSocket) -> None:
    """The board, for supervisors."""
    services: Services = socket.app.state.services
    await serve(socket, services, Action.WALLBOARD_READ, _run)


async def _run(connection: Connection) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_send_board(connection))
        while True:
            if not isinstance(await connection.receive(), Ping):
                raise CloseError(CloseCode.NOT_UNDERSTOOD, "expected a ping")
            await connection.send(Pong())


async def _send_board(connection: Connection) -> None:
    sent: Wallboard | None = None
    while True:
        board = await asyncio.to_thread(_board, connection)
        if sent is None or board.model_copy(update={"at": sent.at}) != sent:
            await connection.send(WallboardMessage.model_validate(board.model_dump()))
            sent = board
        await asyncio.sleep(_EVERY_S)


def _board(connection: Connection) -> Wallboard:
    reach = reach_of(connection.identity, Action.WALLBOARD_READ)
    if reach is None:
        raise CloseError(CloseCode.NOT_ALLOWED, "your role does not include this")
    return snapshot(connection.services, connection.identity, reach, utc_now())
