"""UDP sockets of all RTP streams of a process, drained together every tick.

sockets = RtpSockets("0.0.0.0", 20_000, 29_999)
await sockets.start()
port = sockets.open(sink, leg=0, allows=trunk.allows)   # binds RTP (even) and RTCP (odd)
port.rtp_port, port.rtcp_port                           # for the SDP answer
port.close()                                            # the ports stay bound, and deaf, for 32 s
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from koemori.audio.rtp.srtp import SrtpSession


class MediaSink(Protocol):
    """Who takes what comes for a call; one sink may have several legs, each with its port. Must not raise."""

    def packets(self, leg: int, batch: Sequence[tuple[int, bytes]]) -> None:
        """RTP of a tick in order of arrival: (`arrival_us`, datagram), from allowed peers, decrypted."""
        ...

    def control(self, leg: int, arrival_us: int, datagram: bytes) -> None:
        """One RTCP datagram."""
        ...

    def tick(self, now_us: int) -> None:
        """Called every tick, once for each sink, after its packets."""
        ...

    def report(self, leg: int, now_us: int) -> bytes | None:
        """The receiver report to send now (every 5 s); None sends nothing."""
        ...


class RtpPort:
    """One leg's pair of ports."""

    rtp_port: int
    rtcp_port: int

    def close(self) -> None:
        """Take nothing more."""
        raise NotImplementedError


class RtpSockets:
    """Allocates, drains and releases."""

    def __init__(self, host: str, port_min: int, port_max: int, *, tick_ms: int = 40) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Begin to drain; needs a running loop."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close all sockets."""
        raise NotImplementedError

    def open(
        self,
        sink: MediaSink,
        leg: int,
        *,
        allows: Callable[[str], bool],
        mux: bool = False,
        report_to: tuple[str, int] | None = None,
        srtp: SrtpSession | None = None,
    ) -> RtpPort:
        """Bind ports for a leg.

        Args:
            sink: Who takes what comes.
            leg: Number handed to the sink.
            allows: Whether a host (numeric) may send.
            mux: RTCP comes on the RTP port (RFC 5761).
            report_to: Where RTCP goes until a packet of RTCP has shown it.
            srtp: Keys, when the leg is encrypted.

        Raises:
            MediaPortError: No port is free.
        """
        raise NotImplementedError
