"""`kind = "siprec"`: a recording server for session border controllers (RFC 7866)."""

from __future__ import annotations

from typing import Annotated, Literal

from koemori.server.capture.trunk_settings import TrunkSettings
from pydantic import Field


class SiprecTrunk(TrunkSettings):
    """A SIP address that recordings are sent to."""

    kind: Literal["siprec"]
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 5060
