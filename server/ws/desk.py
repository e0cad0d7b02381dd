"""`/ws/desk`: the agent's live page. Calls, events in order without gap or duplicate, edits acknowledged.

Whatever the connection loses, the page resumes: it names the last `seq` it has, kept events follow from the
store and live ones from the bus, which joins the two.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import assert_never

from fastapi import APIRouter, WebSocket
from koemori.audio.call import CallId
from koemori.audio.errors import KoemoriError
from koemori.server.api import views
from koemori.server.api.cases import edit_case
from koemori.server.api.dependencies import Services, resource_of
from koemori.server.api.schemas import CallSummary, CaseEdit
from koemori.server.auth.permissions import Action, decide, reach_of
from koemori.server.bells import CALLS
from koemori.server.bus import SlowReaderError
from koemori.server.db.repositories import calls
from koemori.server.ws.connection import RECHECK_S, CloseCode, CloseError, Connection, serve
from koemori.server.ws.messages import (
    CallsMessage,
    Edit,
    Edited,
    Hello,
    Ping,
    Pong,
    Refused,
    Subscribe,
    Unsubscribe,
)
from pydantic import ValidationError

MAX_SUBSCRIPTIONS = 8
MAX_WAITING_EDITS = 32
_LIST_EVENTS = frozenset({"call_started", "call_updated", "alert", "case", "assistance", "call_ended"})
_LIST_EVERY_S = 1.0
_STORE_DELAY_S = 0.15
"""Events reach the bus a moment before the database; a list made at once would miss them."""

router = APIRouter()


@router.websocket("/ws/desk")
async def desk(socket: WebSocket) -> None:
    """The agent's desk; supervisors may follow any live call here."""
    services: Services = socket.app.state.services
    await serve(socket, services, Action.DESK_OPEN, lambda connection: _Desk(connection).run())


@dataclass(slots=True, eq=False)
class _Desk:
    connection: Connection
    _subscriptions: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _edits: asyncio.Queue[Edit] = field(default_factory=lambda: asyncio.Queue(MAX_WAITING_EDITS))

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._list_calls())
            group.create_task(self._apply_edits())
            group.create_task(self._recheck())
            hello = self.connection.hello
            if hello.call_id is not None:
                self._subscribe(group, hello.call_id, hello.after_seq)
            while True:
                await self._follow(group)

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        message = await self.connection.receive()
        match message:
            case Subscribe():
                self._subscribe(group, message.call_id, message.after_seq)
            case Unsubscribe():
                self._unsubscribe(message.call_id)
            case Ping():
                await self.connection.send(Pong())
            case Edit():
                try:
                    self._edits.put_nowait(message)
                except asyncio.QueueFull:
                    raise CloseError(CloseCode.TOO_MUCH, "too many edits at once") from None
            case Hello():
                raise CloseError(CloseCode.NOT_UNDERSTOOD, "expected one hello only")
            case _:
                assert_never(message)

    def _subscribe(self, group: asyncio.TaskGroup, call_id: str, after_seq: int) -> None:
        self._unsubscribe(call_id)
        self._subscriptions = {name: task for name, task in self._subscriptions.items() if not task.done()}
        if len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            raise CloseError(CloseCode.TOO_MUCH, "too many calls at once")
        self._subscriptions[call_id] = group.create_task(self._send_events(call_id, after_seq))

    def _unsubscribe(self, call_id: str) -> None:
        task = self._subscriptions.pop(call_id, None)
        if task is not None:
            task.cancel()

    async def _send_events(self, call_id: str, after_seq: int) -> None:
        refusal = await asyncio.to_thread(self._refusal, call_id, Action.CALL_READ)
        if refusal is not None:
            await self.connection.send(refusal)
            return
        async with self.connection.services.bus.subscribe(CallId(call_id), after_seq) as events:
            async for event in events:
                await self.connection.send_text(event.model_dump_json())

    def _refusal(self, call_id: str, action: Action) -> Refused | None:
        with self.connection.services.database.read() as transaction:
            view = calls.find(transaction, call_id)
        if view is None:
            return Refused(code="call-not-found", detail="There is no call of this id.", call_id=call_id)
        if not decide(self.connection.identity, action, resource_of(view)).allowed:
            return Refused(code="not-allowed", detail="This call is not yours to see.", call_id=call_id)
        return None

    async def _recheck(self) -> None:
        """End subscriptions to calls that the person may not see any more."""
        while True:
            await asyncio.sleep(RECHECK_S)
            for call_id in tuple(self._subscriptions):
                refusal = await asyncio.to_thread(self._refusal, call_id, Action.CALL_READ)
                if refusal is not None:
                    self._unsubscribe(call_id)
                    await self.connection.send(refusal)

    async def _apply_edits(self) -> None:
        """One edit after the other, in the order in which they were typed."""
        while True:
            edit = await self._edits.get()
            code = await self._apply(edit)
            await self.connection.send(Edited(edit_id=edit.edit_id, ok=code is None, code=code))

    async def _apply(self, edit: Edit) -> str | None:
        refusal = await asyncio.to_thread(self._refusal, edit.call_id, Action.CASE_EDIT)
        if refusal is not None:
            return refusal.code
        try:
            values = CaseEdit(values=edit.values).values
        except ValidationError:
            return "request-invalid"
        try:
            await edit_case(self.connection.services, edit.call_id, values, self.connection.identity)
        except KoemoriError as error:
            return error.code
        return None

    async def _list_calls(self) -> None:
        """Send the list when it changed: soon after an event that can, else looked at each second."""
        services = self.connection.services
        sent: list[CallSummary] | None = None
        with services.bells.listening(CALLS) as changed:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._ring_on_events(changed))
                while True:
                    items = await asyncio.to_thread(self._live_calls)
                    if items != sent:
                        await self.connection.send(CallsMessage(items=items))
                        sent = items
                    await _wait(changed, _LIST_EVERY_S)

    async def _ring_on_events(self, changed: asyncio.Event) -> None:
        while True:
            try:
                async with self.connection.services.bus.watch(_LIST_EVENTS) as events:
                    async for _event in events:
                        await asyncio.sleep(_STORE_DELAY_S)
                        changed.set()
            except SlowReaderError:
                # Nothing is lost: the list is looked at each second anyhow.
                continue
            return

    def _live_calls(self) -> list[CallSummary]:
        who = self.connection.identity
        reach = reach_of(who, Action.CALL_LIST)
        if reach is None:
            return []
        services = self.connection.services
        with services.database.read() as transaction:
            found = calls.live(transaction, who, reach)
        live = services.live
        return [views.live_summary(view, services.bus, live.ladder(view.call.call_id)) for view in found]


async def _wait(event: asyncio.Event, longest_s: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), longest_s)
    except TimeoutError:
        return
    event.clear()
