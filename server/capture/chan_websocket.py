"""Asterisk opens a WebSocket per channel (`chan_websocket`); `audio.ingest.chan_websocket` reads it.

What a leg is comes from channel variables, which the JSON spelling tells (`KOEMORI_CALL` joins the legs,
`KOEMORI_ROLE` is agent or customer, `KOEMORI_AGENT`, `KOEMORI_QUEUE`, `KOEMORI_FROM`), or from the address
(`v(call=…,role=…)` in the dial string). Where variables tell anything the address does not count: Asterisk
keeps it for the connection, not for the channel, so it may be another call's. Nothing is sent but the answer
to the upgrade.
"""

from __future__ import annotations

from koemori.audio.call import ChannelRole
from koemori.audio.ingest.chan_websocket import AudioFormat, KeyEnd, MediaStart, read_text
from koemori.audio.ingest.legs import LegFacts
from koemori.audio.ingest.stream_start import refuse, short_text
from koemori.server.capture.chan_websocket_settings import ChanWebsocketTrunk
from koemori.server.capture.joining import Joining
from koemori.server.capture.leg_socket import LegListener, LegSocket, NoPlaceError
from koemori.server.capture.sockets import SocketReader
from koemori.server.capture.trunk import TrunkContext
from starlette.datastructures import QueryParams
from starlette.websockets import WebSocket

SUBPROTOCOL = "media"
_VARIABLE = "KOEMORI_"
_ROLES = {"agent": ChannelRole.AGENT, "customer": ChannelRole.CUSTOMER}


class ChanWebsocketListener(LegListener):
    """The sockets of one trunk."""

    def __init__(self, context: TrunkContext, settings: ChanWebsocketTrunk) -> None:
        """Begin; `start` reads the secret."""
        super().__init__(context, settings, "chan_websocket")
        self._settings = settings

    def subprotocol(self, offered: list[str]) -> str | None:
        """Asterisk's own, where it is offered."""
        return SUBPROTOCOL if SUBPROTOCOL in offered else None

    def opened(self, socket: WebSocket, reader: SocketReader) -> ChannelSocket:
        """One channel."""
        return ChannelSocket(reader, self._joining, self._context, self._settings, socket.query_params)


class ChannelSocket(LegSocket):
    """One channel."""

    def __init__(
        self,
        reader: SocketReader,
        joining: Joining,
        context: TrunkContext,
        settings: ChanWebsocketTrunk,
        address: QueryParams,
    ) -> None:
        super().__init__(reader, joining, context, settings.max_calls)
        self._settings = settings
        self._address = address
        self._format: AudioFormat | None = None

    def text(self, message: str) -> None:
        """`MEDIA_START` begins the leg; keys are told; the rest says nothing to a recorder."""
        event = read_text(message)
        if isinstance(event, MediaStart):
            self._begin(event, message)
        elif isinstance(event, KeyEnd) and self.legs:
            self.legs[0].key(event.key)

    def audio(self, payload: bytes) -> None:
        """Samples of the leg."""
        if self._format is None:
            refuse("MEDIA_START before audio", f"{len(payload)} bytes")
        self.legs[0].audio(self._format.push(payload))

    def _begin(self, start: MediaStart, message: str) -> None:
        if self.legs:
            refuse("one MEDIA_START in a connection", "another")

        own = {
            name.removeprefix(_VARIABLE).lower(): value
            for name, value in start.variables.items()
            if name.startswith(_VARIABLE)
        }

        def told(name: str) -> str | None:
            return short_text(own.get(name) if own else self._address.get(name))

        key, role = told("call"), _ROLES.get(told("role") or "", ChannelRole.UNKNOWN)
        if not self.has_place(key, role):
            raise NoPlaceError
        self._format = AudioFormat(start.format)
        ids = {"asterisk_channel": start.channel_id, "asterisk_connection": start.connection_id, "call": key}
        leg = LegFacts(
            start.channel_id or start.connection_id or "channel",
            self._format.rate_hz,
            role,
            {name: value for name, value in ids.items() if value},
            told("agent"),
            told("from"),
            told("queue") or self._settings.queue,
        )
        self.legs.append(self._joining.enter(leg, key))
        ending, media_type = ("json", "application/json") if message[:1] == "{" else ("txt", "text/plain")
        self.legs[0].document(f"media-start.{ending}", media_type, message.encode("utf-8", "surrogatepass"))


def open_trunk(context: TrunkContext, settings: ChanWebsocketTrunk) -> ChanWebsocketListener:
    """The listener of a trunk, not yet started."""
    return ChanWebsocketListener(context, settings)
