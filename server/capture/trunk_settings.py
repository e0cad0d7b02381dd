"""Settings that every kind of trunk has."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Self

from koemori.server.model_settings import Section
from pydantic import Field, model_validator

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_LOOPBACK = (ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv6Network("::1/128"))


class TrunkSettings(Section):
    """Settings of every kind.

    Attributes:
        allow: Networks that may send; everybody else is refused before anything is read.
        queue: The queue of calls for which the phone system names none.
        max_calls: Most calls at once; more are refused as the protocol says it.
    """

    allow: tuple[Network, ...] = _LOOPBACK
    queue: str | None = None
    max_calls: Annotated[int, Field(ge=1, le=10_000)] = 200

    def allows(self, host: str) -> bool:
        """Whether this address may send."""
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return any((mapped or address) in network for network in self.allow)


class MediaTrunkSettings(TrunkSettings):
    """Of trunks to which media comes by RTP.

    Attributes:
        host: Address to listen at.
        advertised_host: Address that others reach us at, where it is not `host`.
        silence_s: Without a packet for this long the call ends.
    """

    host: str = "127.0.0.1"
    advertised_host: str | None = None
    silence_s: Annotated[float, Field(ge=1, le=3_600)] = 60.0

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        for address in {self.host, self.reached_at}:
            ipaddress.ip_address(address)
        if ipaddress.ip_address(self.reached_at).is_unspecified:
            raise ValueError("expected advertised_host where host is a wildcard; got none")
        return self

    @property
    def reached_at(self) -> str:
        """The address that others are told."""
        return self.advertised_host or self.host
