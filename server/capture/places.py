"""Where a trunk is reached, as one would tell the people of the phone system or the firewall."""

from __future__ import annotations

from typing import assert_never
from urllib.parse import urlsplit

from koemori.server.capture.audiosocket_settings import AudioSocketTrunk
from koemori.server.capture.rtp_settings import RtpTrunk
from koemori.server.capture.settings import TrunkConfig
from koemori.server.capture.siprec_settings import SiprecTrunk
from koemori.server.capture.socket_settings import SocketLimits
from koemori.server.capture.whip_settings import WhipTrunk


def listens_at(name: str, settings: TrunkConfig, public_url: str | None) -> tuple[str, ...]:
    """Where calls are announced, or begin."""
    match settings:
        case SiprecTrunk():
            host = _bracketed(settings.reached_at)
            ports = {"udp": settings.port, "tcp": settings.port, "tls": settings.tls_port}
            return tuple(
                f"sip:{host}:{ports[each]};transport={each}" for each in dict.fromkeys(settings.transports)
            )
        case AudioSocketTrunk():
            return (f"tcp {_bracketed(settings.host)}:{settings.port}",)
        case RtpTrunk():
            return (media_at(settings),)
        case WhipTrunk():
            return (f"{public_url or ''}/ingest/{name}/whip",)
        case SocketLimits():
            parts = urlsplit(public_url or "")
            scheme = "wss" if parts.scheme == "https" else "ws"
            there = f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}" if public_url else ""
            return (f"{there}/ingest/{name}",)
        case _:
            assert_never(settings)


def media_at(settings: TrunkConfig) -> str:
    """Where RTP comes in; empty for a trunk that has no ports of its own for it."""
    if isinstance(settings, SiprecTrunk | RtpTrunk):
        return f"udp {_bracketed(settings.reached_at)}:{settings.media_port_first}-{settings.media_port_last}"
    return ""


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
