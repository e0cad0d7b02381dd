"""The HTTP application without anything behind it: routes, guards, errors, pages.

`koemori.server.app` gives it its parts when it starts; `koemori.server.openapi` describes it without any.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version

from fastapi import APIRouter, FastAPI, Request, Response
from koemori.server.api import errors, routers
from koemori.server.api.dependencies import services_of
from koemori.server.api.guards import BodyLimit, OriginGuard, SecurityHeaders
from koemori.server.auth.origins import Origins
from koemori.server.pages import WebPages

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
    app.add_middleware(BodyLimit)
    app.add_middleware(OriginGuard, origins=origins)
    app.add_middleware(SecurityHeaders, secure=origins.secure)
    return app


def _metrics(request: Request) -> Response:
    """Counters and histograms in the Prometheus text format; nothing personal is among them."""
    body, content_type = services_of(request).metrics.render()
    return Response(body, headers={"Content-Type": content_type})
