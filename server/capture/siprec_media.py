"""The media of one recorded call: RTP ports on one side, a `CallSource` on the other."""

from __future__ import annotations

import asyncio
import base64
import binascii
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from koemori.audio.call import CallEnded, CallStarted
from koemori.audio.errors import SipError
from koemori.audio.frames import SourceEvent, samples_to_ms
from koemori.audio.ingest.rtp_facts import change_told, packets_told
from koemori.audio.ingest.siprec_call import agreed_types
from koemori.audio.rtp.legs import RtpLegs
from koemori.audio.rtp.packet import is_rtp
from koemori.audio.rtp.receiver import LegEvent, MediaChanged
from koemori.audio.rtp.sockets import RtpPort, RtpSockets
from koemori.audio.rtp.srtp import SrtpKey, SrtpSession
from koemori.audio.signals import CallDocument, CallUpdated, KeyPressed
from koemori.audio.sip.answer import SUITE_KEY_BYTES, LocalStream, Stream
from koemori.audio.sip.sdp import Crypto

_EARLY_PACKETS = 2_000
"""Packets of a leg that are kept before the call starts: 40 s."""
_FORMER_US = 5_000_000
"""How long what is on its way under a former key is still taken."""


def now_us() -> int:
    """The clock that arrivals are told in."""
    return time.monotonic_ns() // 1000


@dataclass(slots=True)
class _Leg:
    stream: Stream
    port: RtpPort | None
    key: bytes | None = None
    early: list[tuple[int, bytes]] = field(default_factory=list)
    heard_us: int | None = None
    former: RtpPort | None = None
    """The port before a new key came."""
    former_until_us: int = 0
    replayed: int = 0
    """Datagrams that SRTP kept back as duplicates, on ports that are closed."""

    def close_former(self) -> None:
        """Take what waits on the former port, and nothing after it."""
        port, self.former = self.former, None
        self._close(port)

    def close(self) -> None:
        """Take what waits on the ports, and nothing after it."""
        self.close_former()
        port, self.port = self.port, None
        self._close(port)

    def _close(self, port: RtpPort | None) -> None:
        if port is None:
            return
        port.drain()
        port.close()
        self.replayed += 0 if port.srtp is None else port.srtp.replayed


class RtpCallMedia:
    """Media of one call: a `CallMedia`, a sink of RTP and a stoppable source.

    Args:
        sockets: Where ports come from.
        allows: Whether a host may send.
        began: Called once when the call starts; runs the source.
        stopped: Called with call id and reason when the service ends the call.
        heard: Called when packets come.
    """

    def __init__(
        self,
        sockets: RtpSockets,
        allows: Callable[[str], bool],
        began: Callable[[RtpCallMedia], None],
        stopped: Callable[[str, str], None],
        heard: Callable[[], None],
    ) -> None:
        self._sockets = sockets
        self._allows = allows
        self._began = began
        self._stopped = stopped
        self._heard = heard
        self._opened: list[_Leg] = []
        self._order: list[int] = []
        self._channel: dict[int, int] = {}
        self._legs: RtpLegs | None = None
        self._started: CallStarted | None = None
        self._ended = False
        self._queue: asyncio.Queue[SourceEvent] = asyncio.Queue()

    @property
    def call_id(self) -> str:
        """Of the call; empty before its start."""
        return "" if self._started is None else self._started.call_id

    @property
    def now_sample(self) -> int:
        """How far the call has come."""
        return 0 if self._legs is None else self._legs.end_sample

    def open(self, leg: int, stream: Stream) -> LocalStream:
        """Bind ports for a leg.

        Raises:
            KoemoriError: No port is free, or the key cannot be used.
        """
        if leg != len(self._opened):
            raise SipError(500, f"leg {len(self._opened)} next", f"leg {leg}")
        self._opened.append(_Leg(stream, None))
        return self._bind(leg)

    def change(self, leg: int, stream: Stream) -> LocalStream:
        """Take over what a later offer says; a new key needs a new port."""
        known = self._opened[leg]
        if known.port is not None:
            known.port.drain()  # what has come was sent before the change
        rekeyed = known.stream.crypto != stream.crypto or known.stream.rtcp_mux != stream.rtcp_mux
        known.stream = stream
        if self._legs is not None and leg in self._channel:
            self._legs.agree(self._channel[leg], agreed_types(stream))
        if known.port is not None and not rekeyed:
            return self._local(known, known.port)
        known.close_former()
        # The sender goes on with its former key until our answer has come.
        known.former, known.former_until_us = known.port, now_us() + _FORMER_US
        return self._bind(leg)

    def start(self, started: CallStarted, legs: Sequence[int]) -> None:
        """Begin the call with what has come so far."""
        self._started = started
        self._order = list(legs)
        self._channel = {leg: index for index, leg in enumerate(legs)}
        types = [agreed_types(self._opened[leg].stream) for leg in legs]
        self._legs = RtpLegs(started.channels, types, started.sample_rate_hz)
        self._queue.put_nowait(started)
        for leg in legs:
            early, self._opened[leg].early = self._opened[leg].early, []
            self._pass(self._legs.push(self._channel[leg], early) if early else [])
        self._began(self)

    def hold(self, leg: int, held: bool) -> None:
        """The sender pauses or goes on."""
        port = self._opened[leg].port
        if port is not None:
            port.drain()  # what has come belongs before the change
        if self._legs is not None and leg in self._channel:
            change = self._legs.pause if held else self._legs.resume
            self._pass(change(self._channel[leg], now_us()))

    def close(self, leg: int) -> None:
        """Nothing comes on this leg any more."""
        self._opened[leg].close()

    def tell(self, event: CallUpdated | CallDocument | KeyPressed) -> None:
        """Pass on."""
        if not self._ended:
            self._queue.put_nowait(event)

    def end(self, reason: str) -> None:
        """Close the ports and end the call."""
        if self._ended:
            return
        for leg in range(len(self._opened)):
            self.close(leg)
        if self._legs is not None and self._started is not None:
            self._pass(self._legs.finish(now_us()))
            self._tell_counts(self._legs, self._started)
            end_ms = samples_to_ms(self._legs.end_sample, self._started.sample_rate_hz)
            self._queue.put_nowait(CallEnded(self._started.call_id, end_ms, reason))
        self._ended = True

    def idle_s(self, leg: int) -> float | None:
        """Seconds since the last packet of a leg."""
        if self._legs is None:
            heard_us = self._opened[leg].heard_us
            return None if heard_us is None else (now_us() - heard_us) / 1e6
        idle_us = self._legs.idle_us(self._channel[leg], now_us()) if leg in self._channel else None
        return None if idle_us is None else idle_us / 1e6

    async def events(self) -> AsyncIterator[SourceEvent]:
        """The call, until it has ended."""
        while True:
            event = await self._queue.get()
            yield event
            if isinstance(event, CallEnded):
                return

    def stop(self, reason: str) -> None:
        """The service ends the call: the sender is told, then it ends."""
        self._stopped(self.call_id, reason)
        self.end(reason)

    def packets(self, leg: int, batch: Sequence[tuple[int, bytes]]) -> None:
        """RTP of one leg."""
        self._heard()
        if self._ended:
            return
        if self._legs is None:
            known = self._opened[leg]
            if any(is_rtp(datagram) for _, datagram in batch):
                known.heard_us = batch[-1][0]
            if not known.stream.held:
                known.early.extend(batch)
                del known.early[:-_EARLY_PACKETS]
        elif leg in self._channel:
            self._pass(self._legs.push(self._channel[leg], batch))

    def control(self, leg: int, arrival_us: int, datagram: bytes) -> None:
        """RTCP of one leg."""
        if self._legs is not None and leg in self._channel:
            self._legs.control(self._channel[leg], arrival_us, datagram)

    def tick(self, now_us: int) -> None:
        """Give up waiting for what is overdue."""
        for known in self._opened:
            if known.former is not None and now_us >= known.former_until_us:
                known.close_former()
        if self._legs is not None and not self._ended:
            self._pass(self._legs.advance(now_us))

    def report(self, leg: int, now_us: int) -> bytes | None:
        """The receiver report that is owed."""
        if self._legs is None or leg not in self._channel or self._ended:
            return None
        return self._legs.report(self._channel[leg], now_us)

    def _pass(self, events: Sequence[LegEvent]) -> None:
        for event in events:
            if not isinstance(event, MediaChanged):
                self._queue.put_nowait(event)
            elif self._started is not None:
                self._queue.put_nowait(change_told(self._started.call_id, event))

    def _tell_counts(self, legs: RtpLegs, started: CallStarted) -> None:
        """Packets of each leg, at the end."""
        at_ms = samples_to_ms(legs.end_sample, started.sample_rate_hz)
        for index, leg in enumerate(self._order):
            replayed = self._opened[leg].replayed
            told = packets_told(started.call_id, at_ms, index, legs.counters(index), replayed=replayed)
            self._queue.put_nowait(told)

    def _bind(self, leg: int) -> LocalStream:
        known = self._opened[leg]
        stream, srtp = known.stream, None
        if stream.crypto is not None:
            known.key = secrets.token_bytes(SUITE_KEY_BYTES[stream.crypto.suite])
            srtp = SrtpSession(_received(stream.crypto), SrtpKey(stream.crypto.suite, known.key))
        report_to = None
        if stream.address is not None and stream.rtcp_port and self._allows(stream.address):
            report_to = (stream.address, stream.rtcp_port)
        known.port = self._sockets.open(
            self, leg, allows=self._allows, mux=stream.rtcp_mux, report_to=report_to, srtp=srtp
        )
        return self._local(known, known.port)

    def _local(self, known: _Leg, port: RtpPort) -> LocalStream:
        key = None if known.key is None else base64.b64encode(known.key).decode("ascii")
        return LocalStream(port.rtp_port, key)


def _received(crypto: Crypto) -> SrtpKey:
    """The sender's key.

    Raises:
        SipError: 488: it is not of the length that its suite wants.
    """
    try:
        raw = base64.b64decode(crypto.key, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    wanted = SUITE_KEY_BYTES[crypto.suite]
    if len(raw) != wanted:
        raise SipError(488, f"a key of {wanted} bytes", f"srtp key of {len(raw)}")
    return SrtpKey(crypto.suite, raw)
