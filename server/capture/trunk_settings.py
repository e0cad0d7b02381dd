"""Settings that every kind of trunk has."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from koemori.server.model_settings import Section
from pydantic import Field

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
