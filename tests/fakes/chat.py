"""A chat service on loopback that speaks the OpenAI format and misbehaves as it is told."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

NOT_HARASSMENT = '{"verdict": "not_harassment", "category": null, "reason": "実際の苦情"}'
HARASSMENT = '{"verdict": "harassment", "category": "threat", "reason": "危害の予告"}'


@dataclass
class ChatService:
    """What it answers, and what it was asked; `status` 0 answers with `raw`."""

    content: str = NOT_HARASSMENT
    status: int = 200
    delay_s: float = 0.0
    raw: bytes | None = None
    models: tuple[str, ...] = ("some-model",)
    key: str | None = None
    port: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def complete(self, request: Request, body: bytes) -> Response:
        self.paths.append(request.url.path)
        self.headers.append(dict(request.headers))
        self.asked.append(json.loads(body))
        time.sleep(self.delay_s)
        if self.status in (301, 307):
            return RedirectResponse(f"{self.url}/elsewhere", self.status)
        if self.raw is not None:
            return Response(self.raw, self.status, media_type="application/json")
        message = {"role": "assistant", "content": self.content}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return JSONResponse(
            {"id": "x", "object": "chat.completion", "model": "some-model", "choices": [choice]}, self.status
        )

    def list_models(self, request: Request) -> Response:
        if self.key is not None and request.headers.get("authorization") != f"Bearer {self.key}":
            return JSONResponse({"error": {"message": "no"}}, 401)
        return JSONResponse({"object": "list", "data": [{"id": name} for name in self.models]})


@contextmanager
def chat_service() -> Iterator[ChatService]:
    """The service, running in a thread of its own."""
    service = ChatService()

    async def complete(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        return await run_in_threadpool(service.complete, request, await request.body())

    async def list_models(request: Request) -> Response:
        return service.list_models(request)

    async def elsewhere(request: Request) -> Response:
        return await complete(request)

    routes = [
        Route("/v1/chat/completions", complete, methods=["POST"]),
        Route("/v1/elsewhere", elsewhere, methods=["GET", "POST"]),
        Route("/v1/models", list_models),
    ]
    listening = socket.create_server(("127.0.0.1", 0))
    service.port = listening.getsockname()[1]
    config = uvicorn.Config(Starlette(routes=routes), log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()
