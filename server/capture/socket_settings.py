"""Settings of every trunk whose phone system opens a WebSocket at `/ingest/<name>`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from koemori.server.capture.trunk_settings import TrunkSettings
from pydantic import Field, SecretStr


class SocketLimits(TrunkSettings):
    """What a peer may send.

    Attributes:
        max_message_bytes: Most in one message.
        start_s: How long a peer may take until its call begins.
        idle_timeout_s: A stream that sends nothing for this long is taken for dead and its call sealed.
    """

    max_message_bytes: Annotated[int, Field(ge=1_000, le=1_000_000)] = 64_000
    start_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    idle_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 30.0


class SocketSettings(SocketLimits):
    """How a peer proves itself by a bearer token.

    Without any secret, whoever `allow` names may send, but no web page and nothing that came through a proxy.
    With one, whoever has it may, from everywhere unless `allow` is set.

    Attributes:
        token_file: File with the bearer token that a peer presents.
        token: The same, from the environment.
        bearer_in: Where it stands: the `Authorization` header, or `token=` in the address.
    """

    token_file: Path | None = None
    token: SecretStr | None = None
    bearer_in: Literal["header", "query"] = "header"


class LegSocketSettings(SocketSettings):
    """Of trunks that send each leg of a call on a socket of its own.

    Attributes:
        join_s: How long a leg waits for the other one of its call.
    """

    join_s: Annotated[float, Field(ge=0, le=30)] = 3.0
