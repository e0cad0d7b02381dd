"""Where a message came from, and what is to be sent where."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Flow:
    """A way to a peer.

    Attributes:
        transport: `UDP`, `TCP` or `TLS`.
        host: Numeric address of the peer.
        port: Of the peer.
        connection: Number of the connection; 0 for UDP.
    """

    transport: str
    host: str = field(repr=False)
    port: int
    connection: int = 0

    @property
    def reliable(self) -> bool:
        """Whether nothing has to be sent twice."""
        return self.transport != "UDP"


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes to go to a peer."""

    flow: Flow
    message: bytes = field(repr=False)
