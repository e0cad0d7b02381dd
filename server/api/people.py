"""The agents, for supervisors."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from koemori.server.api.dependencies import Caller, Parts, Requires
from koemori.server.api.errors import responses
from koemori.server.api.schemas import Agent, AgentList
from koemori.server.auth.permissions import Action, Role
from koemori.server.db.repositories import calls, users

router = APIRouter(tags=["users"])
_LIST = Depends(Requires(Action.AGENT_LIST))


@router.get("/users/agents", operation_id="listAgents", responses=responses(401, 403))
def list_agents(parts: Parts, _caller: Caller = _LIST) -> AgentList:
    """Every agent who may sign in, with the calls they are on."""
    with parts.database.read() as transaction:
        rows = users.with_role(transaction, Role.AGENT.value)
        live = calls.live_ids_by_agent(transaction)
    return AgentList(
        items=[
            Agent(
                user_id=row.user_id,
                username=row.username,
                display_name=row.display_name,
                live_call_ids=live.get(row.username, []),
            )
            for row in rows
        ]
    )
