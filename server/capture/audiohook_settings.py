"""`kind = "audiohook"`: Genesys Cloud's AudioHook Monitor."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from koemori.server.capture.socket_settings import SocketLimits
from pydantic import SecretStr


class AudioHookTrunk(SocketLimits):
    """One AudioHook integration.

    Attributes:
        api_key_file: File with the API key of the integration, which every request carries.
        api_key: The same, from the environment.
        client_secret_file: File with the client secret, base64 as Genesys shows it; requests must be signed.
        client_secret: The same, from the environment.
    """

    kind: Literal["audiohook"]
    api_key_file: Path | None = None
    api_key: SecretStr | None = None
    client_secret_file: Path | None = None
    client_secret: SecretStr | None = None
