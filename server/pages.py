"""The web page as built by `make web`, served by the same process."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

WEB_DIST = Path(__file__).parent / "web" / "dist"
_NOT_PAGES = ("api", "ws", "ingest", "metrics", "openapi.json", "assets")
_YEAR_S = 31_536_000

_UNBUILT = """<!doctype html>
<html lang="ja">
<meta charset="utf-8">
<title>Koemori 声守</title>
<p>画面がまだ作られていません。サーバーで <code>make web</code> を実行してください。</p>
<p lang="en">The web page is not built yet. Run <code>make web</code> on the server.</p>
</html>
"""


class WebPages:
    """Files of the built page; any other path of a page gets index.html, since the page routes by itself.

    Args:
        dist: The folder that the build wrote; may be missing, and may appear later.
    """

    def __init__(self, dist: Path = WEB_DIST) -> None:
        self._dist = dist
        self._files: StaticFiles | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            raise HTTPException(404)
        response = await self._respond(scope)
        await response(scope, receive, send)

    async def _respond(self, scope: Scope) -> Response:
        path = scope["path"].lstrip("/")
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(405, "Method Not Allowed", headers={"Allow": "GET, HEAD"})
        if not (self._dist / "index.html").is_file():
            if path.split("/")[0] in _NOT_PAGES:
                raise HTTPException(404, "Nothing is at this path.")
            return HTMLResponse(_UNBUILT, status_code=503)
        if self._files is None:
            self._files = StaticFiles(directory=self._dist)
        try:
            response = await self._files.get_response(path or "index.html", scope)
        except HTTPException as error:
            if error.status_code != 404 or path.split("/")[0] in _NOT_PAGES:
                raise HTTPException(404, "Nothing is at this path.") from None
            response = await self._files.get_response("index.html", scope)
        hashed = path.startswith("assets/")
        response.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable" if hashed else "no-cache"
        return response
