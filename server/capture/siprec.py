"""A trunk that is a recording server: session border controllers send it calls by SIPREC."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from koemori.audio.call import ChannelRole
from koemori.audio.errors import KoemoriError
from koemori.audio.ingest.siprec import SiprecServer
from koemori.audio.ingest.siprec_call import CallPolicy
from koemori.audio.ingest.siprec_host import SiprecLimits
from koemori.audio.rtp.sockets import RtpSockets
from koemori.audio.sip.answer import AnswerPolicy
from koemori.audio.sip.digest import DigestGuard
from koemori.audio.sip.flow import Flow, Send
from koemori.audio.sip.mapping import RolePolicy
from koemori.audio.sip.message import Message
from koemori.audio.sip.uas import UserAgentServer
from koemori.server.capture.running import observed
from koemori.server.capture.siprec_media import RtpCallMedia
from koemori.server.capture.siprec_settings import SiprecTrunk
from koemori.server.capture.siprec_transport import SipListenError, SipSockets, SourceBudget, refusal_of
from koemori.server.capture.trunk import TrunkContext, TrunkListener

logger = logging.getLogger(__name__)

_TICK_S = 0.1
_WATCH_EVERY = 3
_GOODBYE_S = 1.0
_GOODBYE_LOOKS = 50
_TOLD = ("no-media", "one-way")
"""Problems that the recording server finds by itself, while calls go on."""


class DigestFileError(KoemoriError):
    """A file of SIP passwords that cannot be read."""

    code = "digest-file"

    def __init__(self, came: str) -> None:
        super().__init__(f"digest_file: expected lines `user:password`; got {came}")


def open_trunk(context: TrunkContext, settings: SiprecTrunk) -> TrunkListener:
    """The listener of a trunk, not yet started.

    Raises:
        KoemoriError: The file of passwords cannot be read.
    """
    return SiprecListener(context, settings)


class SiprecListener:
    """Listens for SIP, and runs the calls that it brings."""

    def __init__(self, context: TrunkContext, settings: SiprecTrunk) -> None:
        self._context = context
        self._settings = settings
        self._media = RtpSockets(settings.host, settings.media_port_first, settings.media_port_last)
        self._server = SiprecServer(
            make_media=self._make_media,
            now_at=lambda: datetime.now(UTC),
            media_host=settings.reached_at,
            answers=AnswerPolicy(codecs=settings.codecs, require_srtp=settings.require_srtp),
            calls=CallPolicy(_roles(settings), settings.agent_names, settings.queue),
            limits=SiprecLimits(max_calls=settings.max_calls, silence_s=settings.silence_s),
            problem=context.problem,
        )
        passwords = None if settings.digest_file is None else read_passwords(settings.digest_file)
        self._agent = UserAgentServer(
            taker=self._server,
            contact=self._contact,
            address=self._address,
            guard=None if passwords is None else DigestGuard(settings.digest_realm, passwords),
            refused=context.refuse,
        )
        self._sockets = SipSockets(
            allows=settings.allows,
            taken=self._taken,
            lost=self._server.flow_lost,
            refuse=context.refuse,
            budget=SourceBudget(settings.requests_per_s),
        )
        self._calls: set[asyncio.Task[None]] = set()
        self._clock: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            KoemoriError: An address or a certificate cannot be used.
        """
        settings = self._settings
        await self._media.start()
        try:
            for transport in dict.fromkeys(settings.transports):
                tls = _tls(settings) if transport == "tls" else None
                port = settings.tls_port if transport == "tls" else settings.port
                await self._sockets.listen(settings.host, transport, port, tls)
        except BaseException:
            await self.aclose()
            raise
        self._clock = asyncio.create_task(self._run_clock(), name=f"siprec-{self._context.name}")

    async def aclose(self) -> None:
        """Take nothing more; wait a moment for answers to our last requests."""
        self._server.closing = True
        now_s = time.monotonic()
        for dialog in self._agent.dialogs:
            self._sockets.send(self._agent.hang_up(dialog, "stop", now_s))
        for _ in range(_GOODBYE_LOOKS):
            if not self._agent.busy:
                break
            await asyncio.sleep(_GOODBYE_S / _GOODBYE_LOOKS)
        if self._clock is not None:
            self._clock.cancel()
            await asyncio.wait({self._clock})
        if self._calls:
            await asyncio.wait(self._calls, timeout=_GOODBYE_S)
        await self._sockets.aclose()
        await self._media.aclose()

    def _taken(self, message: Message, flow: Flow) -> list[Send]:
        try:
            return self._agent.receive(message, flow, time.monotonic())
        except Exception as error:  # one message must not cost the connection of all the others
            self._context.refuse("internal")
            logger.error("SIP message failed", extra={"trunk": self._context.name}, exc_info=error)
            return refusal_of(message, flow, 500)

    async def _run_clock(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(_TICK_S)
            ticks += 1
            try:
                now_s = time.monotonic()
                self._sockets.send(self._agent.advance(now_s))
                if ticks % _WATCH_EVERY == 0:
                    self._sockets.send(self._server.advance(self._agent, now_s))
            except Exception as error:  # the clock of all calls must not stop for one of them
                logger.error("siprec clock failed", extra={"trunk": self._context.name}, exc_info=error)

    def _make_media(self) -> RtpCallMedia:
        return RtpCallMedia(self._media, self._settings.allows, self._began, self._stopped, self._heard)

    def _began(self, media: RtpCallMedia) -> None:
        task = asyncio.create_task(self._run(media), name="siprec-call")
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _run(self, media: RtpCallMedia) -> None:
        status = self._context.status
        status.calls_live += 1
        reason = "stop"
        try:
            await self._context.live.run(observed(self._context, media, _TOLD))
        except KoemoriError as error:
            reason = f"error:{error.code}"
            self._context.refuse(error.code)
            logger.error("call refused", extra={"trunk": self._context.name}, exc_info=error)
        finally:
            status.calls_live -= 1
            # A call that ended on our side only: its sender is told as well.
            self._stopped(media.call_id, reason)

    def _stopped(self, call_id: str, reason: str) -> None:
        self._sockets.send(self._server.call_stopped(call_id, self._agent, reason, time.monotonic()))

    def _heard(self) -> None:
        self._context.status.last_media_at = datetime.now(UTC)

    def _address(self, transport: str) -> str:
        port = self._settings.tls_port if transport == "TLS" else self._settings.port
        host = self._settings.reached_at
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def _contact(self, transport: str) -> str:
        return f"<sip:koemori@{self._address(transport)};transport={transport.lower()}>;+sip.srs"


def read_passwords(path: Path) -> Mapping[str, str]:
    """Read lines `user:password`; empty ones and those with `#` are left out.

    Raises:
        DigestFileError: The file cannot be read, or a line is no such pair.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DigestFileError(type(error).__name__) from error
    pairs = [line.partition(":") for line in lines if line.strip() and not line.startswith("#")]
    if not pairs or any(not user or not password for user, _, password in pairs):
        raise DigestFileError(f"{len(pairs)} lines, not all of them pairs")
    return {user: password for user, _, password in pairs}


def _roles(settings: SiprecTrunk) -> RolePolicy:
    role = ChannelRole.UNKNOWN if settings.caller_is is None else ChannelRole(settings.caller_is)
    return RolePolicy(settings.agents, frozenset(settings.agent_labels), role)


def _tls(settings: SiprecTrunk) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(str(settings.tls_certificate), str(settings.tls_key))
        if settings.tls_client_ca is not None:
            context.load_verify_locations(str(settings.tls_client_ca))
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise SipListenError(
            "tls", settings.tls_port, f"certificate files: {type(error).__name__}"
        ) from error
    return context
