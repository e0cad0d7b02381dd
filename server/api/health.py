"""Health for whoever watches the service."""

from __future__ import annotations

import logging
from importlib.metadata import version

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
        return Health(status="failing", version=version("koemori"), database="failing", live_calls=0)
    return Health(status="ok", version=version("koemori"), database="ok", live_calls=live_calls)
