"""`kind = "whip"`: browsers and softphones offer their audio by WHIP (RFC 9725)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from koemori.audio.call import ChannelRole
from koemori.server.capture.trunk_settings import TrunkSettings
from pydantic import Field, SecretStr


class WhipTrunk(TrunkSettings):
    """Who may offer, and whose voice its tracks carry.

    Attributes:
        token_file: File with the bearer token of devices; signed-in agents use one-time tickets instead.
        roles: Whose voice the tracks carry, in the order of the offer.
        connect_s: How long a connection may take until its first audio.
        silence_s: Without any packet; then the call is sealed.
    """

    kind: Literal["whip"]
    token_file: Path | None = None
    token: SecretStr | None = None
    roles: tuple[ChannelRole, ...] = (ChannelRole.AGENT, ChannelRole.CUSTOMER)
    connect_s: Annotated[float, Field(gt=0, le=120)] = 20.0
    silence_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
