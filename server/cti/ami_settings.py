"""`[cti.ami.<name>]`: an Asterisk manager whose events are listened to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from koemori.server.model_settings import Section
from pydantic import Field, SecretStr


class AmiSettings(Section):
    """How to reach one Asterisk.

    Attributes:
        host: Where its manager listens.
        port: 5038 in clear, 5039 by TLS, as Asterisk sets them up.
        username: Section of manager.conf.
        password_file: File with its secret.
        password: The secret, from the environment only.
        tls: Whether the manager speaks TLS; its certificate is checked.
        ca_file: Whom to trust for it; None trusts what the machine trusts.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 5038
    username: str = "koemori"
    password_file: Path | None = None
    password: SecretStr | None = None
    tls: bool = False
    ca_file: Path | None = None
