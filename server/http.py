"""The HTTP application without anything behind it: routes, guards, errors, pages.

`koemori.server.app` gives it its parts when it starts; `koemori.server.openapi` describes it without any.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from koemori.server.api import errors, routers
from koemori.server.api.dependencies import services_of
from koemori.server.api.guards import BodyLimit, OriginGuard, SecurityHeaders
from koemori.server.auth.origins import Origins
from koemori.server.pages import WebPages
from koemori.server.ws.messages import SOCKET_MESSAGES
from pydantic.json_schema import JsonSchemaMode

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def build(origins: Origins, lifespan: Lifespan | None = None, sockets: tuple[APIRouter, ...] = ()) -> FastAPI:
    """The application.

    Args:
        origins: Whose pages may change something.
        lifespan: Puts `Services` on `app.state.services` before the first request.
        sockets: WebSocket routers.
    """
    app = FastAPI(
        title="Koemori",
        version=version("koemori"),
        summary="Records calls, listens with the agent while they are live, and keeps the recordings.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    errors.install(app)
    app.include_router(routers.build())
    app.add_api_route("/metrics", _metrics, methods=["GET"], include_in_schema=False)
    for router in sockets:
        app.include_router(router)
    app.mount("/", WebPages())
    app.openapi = partial(_described, app)  # type: ignore[method-assign]
    app.add_middleware(BodyLimit)
    app.add_middleware(OriginGuard, origins=origins)
    app.add_middleware(SecurityHeaders, secure=origins.secure)
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description, with the messages of the WebSockets among its schemas."""
    if app.openapi_schema is None:
        description = FastAPI.openapi(app)
        schemas: dict[str, Any] = description["components"]["schemas"]
        for name, adapter in SOCKET_MESSAGES.items():
            mode: JsonSchemaMode = "validation" if name == "DeskClientMessage" else "serialization"
            schema = adapter.json_schema(mode=mode, ref_template="#/components/schemas/{model}")
            for part, definition in (schema.pop("$defs", {}) | {name: schema}).items():
                schemas.setdefault(part, definition)
    return app.openapi_schema or {}


def _metrics(request: Request) -> Response:
    """Counters and histograms in the Prometheus text format; nothing personal is among them."""
    body, content_type = services_of(request).metrics.render()
    return Response(body, headers={"Content-Type": content_type})
