"""Prints the OpenAPI description: `python -m koemori.server.openapi > openapi.json`."""

from __future__ import annotations

import json
import sys

from koemori.server import http
from koemori.server.auth.origins import Origins


def document() -> str:
    """The description as JSON, keys in a stable order."""
    app = http.build(Origins(None))
    return json.dumps(app.openapi(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
