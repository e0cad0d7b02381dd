"""The demo's people and what its phone system reports, through the same doors as anyone else's."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from koemori.server.auth.permissions import Role

if TYPE_CHECKING:
    import httpx
    from koemori.server.auth.accounts import Accounts
    from koemori.server.demo.script import ScriptedCall

SOURCE = "demo-phone"


@dataclass(frozen=True, slots=True)
class Person:
    """An account of the demo."""

    username: str
    display_name: str
    role: Role
    password: str


def make_people(accounts: Accounts) -> tuple[Person, ...]:
    """One account per role, each with a new password."""
    people = tuple(
        Person(username, name, role, secrets.token_urlsafe(9))
        for username, name, role in (
            ("agent1", "佐藤 花子", Role.AGENT),
            ("supervisor1", "鈴木 一郎", Role.SUPERVISOR),
            ("legal1", "高橋 恵", Role.LEGAL),
        )
    )
    for person in people:
        accounts.add(person.username, person.password, person.role, display_name=person.display_name)
    return people


class DemoSwitchboard:
    """Reports what happens to calls as `POST /api/v1/events`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._count = 0

    async def earlier_today(self) -> None:
        """Some calls before now: answered soon, answered late, given up; and two that still wait."""
        now = datetime.now(UTC)
        for number, (minutes, wait_s, answered) in enumerate(
            ((42, 8, True), (35, 17, True), (30, 44, True), (24, 3, False), (19, 62, False), (12, 11, True))
        ):
            name = f"earlier-{number}"
            joined_at = now - timedelta(minutes=minutes)
            left_at = joined_at + timedelta(seconds=wait_s)
            await self._post("call.started", name, joined_at)
            await self._post("queue.joined", name, joined_at, queue="support")
            if answered:
                await self._post(
                    "agent.connected", name, left_at, queue="support", agent_id="agent1", wait_s=wait_s
                )
            else:
                await self._post("queue.abandoned", name, left_at, queue="support", wait_s=wait_s)
            await self._post("call.ended", name, left_at + timedelta(minutes=4 if answered else 0))
        for number, (queue, wait_s) in enumerate((("support", 25), ("delivery", 70))):
            name = f"waiting-{number}"
            joined_at = now - timedelta(seconds=wait_s)
            await self._post("call.started", name, joined_at)
            await self._post("queue.joined", name, joined_at, queue=queue, position=1)

    async def answered(self, script: ScriptedCall, call_sid: str, agent: str) -> None:
        """A scripted caller has waited and is now connected."""
        now = datetime.now(UTC)
        joined_at = now - timedelta(seconds=script.wait_s)
        await self._post("call.started", call_sid, joined_at, **{"from": script.customer_number})
        await self._post("queue.joined", call_sid, joined_at, queue=script.queue, position=1)
        await self._post(
            "agent.connected", call_sid, now, queue=script.queue, agent_id=agent, wait_s=script.wait_s
        )

    async def ended(self, call_sid: str) -> None:
        """The scripted call is over."""
        await self._post("call.ended", call_sid, datetime.now(UTC))

    async def _post(self, kind: str, call_id: str, at: datetime, **facts: object) -> None:
        self._count += 1
        event = {
            "source": SOURCE,
            "event_id": f"{call_id}-{self._count}",
            "occurred_at": at.isoformat(),
            "type": kind,
            "call_id": call_id,
            **facts,
        }
        answer = await self._client.post("/api/v1/events", json=event)
        answer.raise_for_status()
