"""Genesys AudioHook: one socket is one conversation; `audio.ingest.audiohook` speaks the protocol.

Who connects proves itself by the API key and, where a client secret is configured, by a signature over the
request. A refusal takes half a second, whatever its reason, so that nothing can be learnt from its time.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from koemori.audio.frames import SourceEvent
from koemori.audio.ingest.audiohook import AudioHookSession, Step
from koemori.server.capture import proofs
from koemori.server.capture.audiohook_settings import AudioHookTrunk
from koemori.server.capture.http_signature import SignatureError, SignedRequest, check_signature
from koemori.server.capture.running import run_call
from koemori.server.capture.sockets import (
    DONE,
    REFUSED,
    Closed,
    Gate,
    Places,
    SocketReader,
    public_address,
)
from koemori.server.capture.trunk import TrunkContext
from koemori.server.config import SettingsError, read_secret
from starlette.websockets import WebSocket

logger = logging.getLogger(__name__)
_AT_ANOTHER_TIME = ("expired", "future")
_REFUSAL_S = 0.5
_GOODBYE_S = 5.0


class AudioHookListener:
    """The sockets of one trunk."""

    def __init__(self, context: TrunkContext, settings: AudioHookTrunk) -> None:
        """Begin; `start` reads the secrets."""
        self._context = context
        self._settings = settings
        self._gate = Gate(context, settings)
        self._api_key = ""
        self._secret: bytes | None = None
        self._nonces = proofs.SeenNonces(keep_s=60.0)
        self._places = Places(context, settings.max_calls)

    async def start(self) -> None:
        """Read the secrets.

        Raises:
            SettingsError: There is no API key, or the client secret is not base64.
        """
        place, settings = f"trunks.{self._context.name}", self._settings
        api_key = read_secret(place, "api_key", settings.api_key, settings.api_key_file)
        if api_key is None:
            raise SettingsError(place, "an api_key_file: the API key of the integration", "none")
        self._api_key = api_key
        secret = read_secret(place, "client_secret", settings.client_secret, settings.client_secret_file)
        if secret is None:
            return
        try:
            self._secret = base64.b64decode(secret, validate=True)
        except (binascii.Error, ValueError):
            raise SettingsError(f"{place}.client_secret", "base64, as Genesys shows it", "others") from None

    async def aclose(self) -> None:
        """Nothing is open but sockets, whose calls have been sealed."""

    async def serve(self, socket: WebSocket) -> None:
        """Take one session."""
        refusal = self._refusal(socket)
        if refusal is not None:
            self._context.refuse(refusal)
            await asyncio.sleep(_REFUSAL_S)
            await socket.close(REFUSED)
            return
        async with self._places.take(socket) as taken:
            if not taken:
                return
            reader = SocketReader(socket, self._context, self._settings)
            session = AudioHookSession(socket.headers.get("audiohook-session-id"), queue=self._settings.queue)
            await self._run(AudioHookSource(reader, session, self._context))

    async def _run(self, source: AudioHookSource) -> None:
        try:
            if await source.open():
                await run_call(self._context, source)
            await source.say_goodbye()
        finally:
            await source.reader.close(DONE)

    def _refusal(self, socket: WebSocket) -> str | None:
        if not self._gate.allows_address(socket, by_proof=True):
            return "not-allowed"
        if self._secret is None:
            given = socket.headers.get("x-api-key", "")
            return None if proofs.same(given, self._api_key) else "bad-token"
        address = urlsplit(public_address(socket, self._context.public_url))
        target = f"{address.path}?{address.query}" if address.query else address.path
        fields = {name: ", ".join(socket.headers.getlist(name)) for name in socket.headers}
        request = SignedRequest(target, address.netloc, fields)
        try:
            nonce = check_signature(request, self._api_key, self._secret, time.time())
        except SignatureError as error:
            extra = {"trunk": self._context.name, "reason": error.reason}
            logger.warning("an AudioHook request was not signed as it should be", extra=extra)
            return "clock-skew" if error.reason in _AT_ANOTHER_TIME else error.code
        return None if self._nonces.use(nonce, time.monotonic()) else "replayed"


class AudioHookSource:
    """A `CallSource` over one socket."""

    def __init__(self, reader: SocketReader, session: AudioHookSession, context: TrunkContext) -> None:
        self.reader = reader
        self._session = session
        self._context = context
        self._first: list[SourceEvent] = []
        self._over = False

    def stop(self, reason: str) -> None:
        """End the call from our side, after what has been received."""
        self.reader.stop(reason)

    async def open(self) -> bool:
        """Answer until a call begins; False when none does, as with a probe."""
        while not self._over and not self._first:
            self._first = await self._next()
            self.reader.begun = self._session.opened
        return bool(self._first)

    async def events(self) -> AsyncIterator[SourceEvent]:
        """Yield the call's events until the client closes, breaks the protocol, or is gone."""
        events = self._first
        while True:
            for event in events:
                yield event
            if self._over:
                return
            events = await self._next()

    async def say_goodbye(self) -> None:
        """Give the client a moment to close, as the protocol has it."""
        for code, count in self._session.problems.items():
            self._context.status.problems[f"audiohook-{code}"] += count
        deadline_s = time.monotonic() + _GOODBYE_S
        while not self.reader.gone and time.monotonic() < deadline_s:
            message = await self.reader.next(deadline_s - time.monotonic())
            if isinstance(message, Closed):
                return
            if isinstance(message, str):
                await self._reply(self._session.text(message))

    async def _next(self) -> list[SourceEvent]:
        message = await self.reader.next()
        if isinstance(message, Closed):
            step = self._session.end(message.reason, tell=not message.gone)
        elif isinstance(message, bytes):
            step = self._session.audio(message)
        else:
            step = self._session.text(message) if message is not None else Step()
        await self._reply(step)
        self._over = self._over or step.over
        return step.events

    async def _reply(self, step: Step) -> None:
        for reply in step.replies:
            await self.reader.send(reply)


def open_trunk(context: TrunkContext, settings: AudioHookTrunk) -> AudioHookListener:
    """The listener of a trunk, not yet started."""
    return AudioHookListener(context, settings)
