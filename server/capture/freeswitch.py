"""FreeSWITCH forks a channel's audio to a WebSocket; `audio.ingest.freeswitch` reads it.

A stereo fork is a call of two channels; mono forks are joined where their metadata names the same call.
"""

from __future__ import annotations

import secrets

from koemori.audio.call import ChannelRole
from koemori.audio.ingest.freeswitch import ForkFacts, PcmFraming, read_metadata
from koemori.audio.ingest.legs import LegFacts
from koemori.server.capture.freeswitch_settings import FreeswitchTrunk
from koemori.server.capture.joining import Joining
from koemori.server.capture.leg_socket import LegListener, LegSocket, NoPlaceError
from koemori.server.capture.sockets import SocketReader
from koemori.server.capture.trunk import TrunkContext
from starlette.websockets import WebSocket

_MOST_TEXT_BYTES = 65_536


class FreeswitchListener(LegListener):
    """The sockets of one trunk."""

    def __init__(self, context: TrunkContext, settings: FreeswitchTrunk) -> None:
        """Begin; `start` reads the secret."""
        super().__init__(context, settings, "freeswitch")
        self._settings = settings

    def subprotocol(self, offered: list[str]) -> str | None:
        """Modules name theirs as they are configured; the first that is offered is as good as any."""
        return offered[0] if offered else None

    def opened(self, socket: WebSocket, reader: SocketReader) -> ForkSocket:
        """One fork."""
        return ForkSocket(reader, self._joining, self._context, self._settings)


class ForkSocket(LegSocket):
    """One fork."""

    def __init__(
        self, reader: SocketReader, joining: Joining, context: TrunkContext, settings: FreeswitchTrunk
    ) -> None:
        super().__init__(reader, joining, context, settings.max_calls)
        self._settings = settings
        self._facts: ForkFacts | None = None
        self._first_text: bytes | None = None
        self._framing = PcmFraming(1)

    def text(self, message: str) -> None:
        """Metadata first; what the dial plan sends later may be keys, and is not kept."""
        if self._facts is None and not self.legs:
            self._facts = read_metadata(message)
            self._first_text = message.encode("utf-8", "surrogatepass")[:_MOST_TEXT_BYTES]

    def audio(self, payload: bytes) -> None:
        """Samples; the first begin the call."""
        if not self.legs:
            self._begin(self._facts or ForkFacts())
        at_s = self.legs[0].call.clock_s()
        for leg, samples in zip(self.legs, self._framing.push(payload), strict=True):
            leg.audio(samples, at_s)

    def _begin(self, facts: ForkFacts) -> None:
        settings = self._settings
        channels = facts.channels or (2 if settings.mix == "stereo" else 1)
        # Two channels of one socket are joined by a name of their own; nobody else can take a place there.
        key = f"stereo-{secrets.token_hex(16)}" if channels == 2 else facts.join
        first, second = settings.roles
        if channels == 1 and settings.mix == "mixed":
            first = ChannelRole.UNKNOWN
        if facts.role is not None:
            first = facts.role
            second = ChannelRole.AGENT if first is ChannelRole.CUSTOMER else ChannelRole.CUSTOMER
        if not self.has_place(key, first):
            raise NoPlaceError
        self._framing = PcmFraming(channels)
        for index, role in enumerate((first, second)[:channels]):
            leg = LegFacts(
                facts.external_ids.get("channel_uuid", f"leg-{secrets.token_hex(4)}") + f"-{index}",
                facts.rate_hz or settings.rate_hz,
                role,
                facts.external_ids,
                facts.agent_id,
                facts.customer_number,
                facts.queue or settings.queue,
            )
            self.legs.append(self._joining.enter(leg, key))
        if self._first_text is not None:
            self.legs[0].document("metadata.json", "application/json", self._first_text)


def open_trunk(context: TrunkContext, settings: FreeswitchTrunk) -> FreeswitchListener:
    """The listener of a trunk, not yet started."""
    return FreeswitchListener(context, settings)
