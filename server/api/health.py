"""Health for whoever watches the service."""

from __future__ import annotations

import logging
from importlib.metadata import version
from typing import Literal

from fastapi import APIRouter, Response
from koemori.server.api.dependencies import Parts
from koemori.server.api.schemas import Health
from koemori.server.db.repositories import calls
from sqlalchemy.exc import SQLAlchemyError

logger = logging.getLogger(__name__)
router = APIRouter(tags=["health"])


@router.get("/health", operation_id="getHealth", responses={503: {"model": Health}})
def get_health(parts: Parts, response: Response) -> Health:
    """Whether the service can do its work; 503 when it cannot."""
    try:
        with parts.database.read() as transaction:
            live_calls = calls.count_live(transaction)
    except SQLAlchemyError as error:
        logger.error("health: the database does not answer", extra={"error": type(error).__name__})
        response.status_code = 503
        return _health(parts, "failing", 0)
    return _health(parts, "ok", live_calls)


def _health(parts: Parts, state: Literal["ok", "failing"], live_calls: int) -> Health:
    problems = parts.playbooks.problems
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return Health(
        status=state,
        version=version("koemori"),
        database=state,
        live_calls=live_calls,
        playbook_version=parts.playbooks.version,
        playbook_problem=f"{problems[0].summary}{more}" if problems else None,
    )
