"""`kind = "stream"`: media over a WebSocket, in a dialect that is data."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from koemori.audio.call import ChannelRole
from koemori.audio.ingest.dialects.load import dialect_names
from koemori.server.capture.socket_settings import SocketSettings
from koemori.server.model_settings import UnfitError
from pydantic import Field, SecretStr, field_validator


class StreamTrunk(SocketSettings):
    """Twilio and its relatives.

    Attributes:
        dialect: Which of them; `koemori.audio.ingest.dialects`.
        auth_token_file: File with the secret that signs upgrade requests, where the dialect signs them.
        auth_token: The same, from the environment.
        username: For HTTP basic authentication (Bandwidth).
        password_file: File with the password that goes with it.
        password: The same, from the environment.
        bearer_in_parameters: The bearer token stands among the call's own parameters, as `token`.
        roles: Track → whose voice, over the dialect's: `{ inbound = "customer", outbound = "agent" }`.
        tracks: Which are sent, where the dialect's start does not tell (Telnyx).
    """

    kind: Literal["stream"]
    dialect: str = "twilio"
    auth_token_file: Path | None = None
    auth_token: SecretStr | None = None
    username: str | None = None
    password_file: Path | None = None
    password: SecretStr | None = None
    bearer_in_parameters: bool = False
    roles: dict[Literal["inbound", "outbound"], ChannelRole] = Field(default_factory=dict)
    tracks: tuple[Literal["inbound", "outbound"], ...] | None = None

    @field_validator("dialect")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in dialect_names():
            raise UnfitError(f"a dialect of {', '.join(dialect_names())}", "another")
        return value

    @field_validator("tracks")
    @classmethod
    def _are_different(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and (not value or len(set(value)) != len(value)):
            raise UnfitError("one or two different tracks", "others")
        return value
