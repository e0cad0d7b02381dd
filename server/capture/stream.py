"""Phone systems of the Twilio family send a call's audio over a WebSocket; `audio.ingest.stream` reads it.

One socket is one call. Every sample that arrives is recorded, however the socket ends; what cannot be used is
counted, and the call goes on. A peer proves itself by any of what its trunk has: a bearer token, the
provider's signature of the address, name and password, or a token among the call's parameters.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator

from koemori.audio.call import CallStarted
from koemori.audio.errors import MediaMessageError
from koemori.audio.frames import SourceEvent
from koemori.audio.ingest.dialects.load import Dialect, load_dialect
from koemori.audio.ingest.stream import MediaStream, StreamOptions
from koemori.audio.signals import CallDocument
from koemori.server.capture import proofs
from koemori.server.capture.running import run_call
from koemori.server.capture.sockets import (
    DONE,
    FAILED,
    NOT_UNDERSTOOD,
    REFUSED,
    Closed,
    Gate,
    Places,
    SocketReader,
    public_address,
)
from koemori.server.capture.stream_settings import StreamTrunk
from koemori.server.capture.trunk import TrunkContext
from koemori.server.config import SettingsError, read_secret
from starlette.websockets import WebSocket

logger = logging.getLogger(__name__)
_TICK_S = 0.2


class StreamListener:
    """The sockets of one trunk."""

    def __init__(self, context: TrunkContext, settings: StreamTrunk) -> None:
        """Read the dialect; secrets are read by `start`."""
        self._context = context
        self._settings = settings
        self._dialect = load_dialect(settings.dialect)
        self._options = StreamOptions()
        self._gate = Gate(context, settings)
        self._signing: str | None = None
        self._password: str | None = None
        # What Plivo signs does not grow old, so what was used must stay known for long.
        self._nonces = proofs.SeenNonces(keep_s=86_400.0, most=100_000)
        self._places = Places(context, settings.max_calls)

    async def start(self) -> None:
        """Read the secrets.

        Raises:
            SettingsError: One cannot be read, or proves nothing in this dialect.
        """
        place, settings = f"trunks.{self._context.name}", self._settings
        token = read_secret(place, "token", settings.token, settings.token_file)
        in_parameter = settings.bearer_in_parameters
        self._signing = read_secret(place, "auth_token", settings.auth_token, settings.auth_token_file)
        self._password = read_secret(place, "password", settings.password, settings.password_file)
        self._gate.token = None if in_parameter else token
        if self._signing is not None and self._dialect.signature == "none":
            raise SettingsError(
                f"{place}.auth_token", f"another proof: {settings.dialect} signs nothing", "a signing secret"
            )
        if (self._password is None) != (settings.username is None):
            raise SettingsError(place, "username and password together", "one of them")
        self._options = StreamOptions(
            {str(track): role for track, role in settings.roles.items()},
            settings.tracks,
            settings.queue,
            token if in_parameter else None,
        )

    async def aclose(self) -> None:
        """Nothing is open but sockets, whose calls have been sealed."""

    async def serve(self, socket: WebSocket) -> None:
        """Take one call."""
        refusal = self._refusal(socket)
        if refusal is not None:
            self._context.refuse(refusal)
            await socket.close(REFUSED)
            return
        async with self._places.take(socket) as taken:
            if taken:
                await self._run(SocketReader(socket, self._context, self._settings))

    async def _run(self, reader: SocketReader) -> None:
        source = StreamSource(reader, self._dialect, self._options, self._context)
        code = FAILED
        try:
            ended = await run_call(self._context, source)
            code = DONE if ended is not None and source.close_code == DONE else source.close_code
        finally:
            await reader.close(code)

    @property
    def _asks_for_proof(self) -> bool:
        secrets = (self._gate.token, self._signing, self._password, self._options.token)
        return any(secret is not None for secret in secrets)

    def _refusal(self, socket: WebSocket) -> str | None:
        """Why this peer may not; None when it has proven itself, or need not."""
        if not self._gate.allows_address(socket, by_proof=self._asks_for_proof):
            return "not-allowed"
        proof_asked = False
        if self._gate.token is not None:
            proof_asked = True
            if self._gate.has_token(socket):
                return None
        if self._signing is not None:
            proof_asked = True
            if self._is_signed(socket, self._signing):
                return None
        if self._password is not None and self._settings.username is not None:
            proof_asked = True
            given = socket.headers.get("authorization", "")
            if proofs.basic(given, self._settings.username, self._password):
                return None
        if proof_asked:
            return "bad-proof"
        if self._options.token is not None or self._gate.needs_none(socket):
            return None
        return "not-allowed"

    def _is_signed(self, socket: WebSocket, secret: str) -> bool:
        header = self._dialect.signature_header
        given = socket.headers.get(header, "")
        address = public_address(socket, self._context.public_url)
        if self._dialect.signature == "url-sha1":
            return proofs.url_sha1(given, secret, address)
        nonce = socket.headers.get(f"{header}-nonce", "")
        fits = proofs.url_nonce_sha256(given, nonce, secret, address)
        return fits and self._nonces.use(nonce, time.monotonic())


class StreamSource:
    """A `CallSource` over one socket.

    Attributes:
        close_code: What to close the socket with.
    """

    def __init__(
        self, reader: SocketReader, dialect: Dialect, options: StreamOptions, context: TrunkContext
    ) -> None:
        self.close_code = DONE
        self._reader = reader
        self._context = context
        self._stream = MediaStream(dialect, options=options)
        self._ticking = not dialect.numbered
        self._keeps_start = options.token is None  # which would be in the start

    def stop(self, reason: str) -> None:
        """End the call from our side, after what has been received."""
        self._reader.stop(reason)

    async def events(self) -> AsyncIterator[SourceEvent]:
        """Yield the call's events until the stream stops, the socket ends, or nothing comes for too long."""
        while not self._stream.ended:
            message = await self._reader.next(_TICK_S if self._ticking else None)
            if isinstance(message, Closed):
                events = self._stream.close(message.reason)
            elif message is None:
                events = self._stream.tick()
            else:
                events = self._understand(message)
            for event in events:
                yield event
                if isinstance(event, CallStarted) and isinstance(message, str) and self._keeps_start:
                    yield CallDocument(event.call_id, 0, "start-1.json", "application/json", message.encode())

    def _understand(self, message: str | bytes) -> list[SourceEvent]:
        try:
            events = self._stream.push(message if isinstance(message, str) else "")
        except MediaMessageError as error:
            self._context.status.problems[error.code] += 1
            self._context.metrics.ingest_errors.labels(error.code).inc()
            extra = {"trunk": self._context.name, "expected": error.expected, "came": error.came}
            logger.warning("media message not used", extra=extra)
            if not error.fatal:
                return []
            self.close_code = NOT_UNDERSTOOD
            return self._stream.close(f"error:{error.code}")
        self._reader.begun = self._reader.begun or self._stream.call_id is not None
        return events


def open_trunk(context: TrunkContext, settings: StreamTrunk) -> StreamListener:
    """The listener of a trunk, not yet started."""
    return StreamListener(context, settings)
