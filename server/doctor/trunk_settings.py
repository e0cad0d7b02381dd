"""What can be wrong with a trunk before any call: certificates, ports, secrets, who may send."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path

from cryptography import x509
from koemori.server.capture.audiohook_settings import AudioHookTrunk
from koemori.server.capture.audiosocket_settings import AudioSocketTrunk
from koemori.server.capture.faults import Fault, Trunk, TrunkFinding, read_faults, say
from koemori.server.capture.rtp_settings import RtpTrunk
from koemori.server.capture.settings import TrunkConfig
from koemori.server.capture.siprec_settings import SiprecTrunk
from koemori.server.capture.stream_settings import StreamTrunk
from koemori.server.config import SettingsError, read_secret
from pydantic import SecretStr

_PORTS_A_CALL = 4
_DAYS_LEFT = 21
_LEAST_SECRET = 16
_WIDE_PREFIX = {4: 8, 6: 32}
_SECRETS = ("token", "auth_token", "password", "api_key", "client_secret")
_READABLE_BY_ALL = 0o004


@cache
def load_rows() -> dict[str, Fault]:
    """Code → what is said of it."""
    text = files("koemori.server.doctor").joinpath("trunk_settings.toml").read_text(encoding="utf-8")
    return {fault.code: fault for fault in read_faults(text)}


def check_settings(
    trunk: Trunk, others: dict[str, TrunkConfig], now: datetime, *, running: bool
) -> list[TrunkFinding]:
    """Everything that can be seen without a call.

    Args:
        trunk: Which.
        others: All trunks of the settings, by name.
        now: The time.
        running: Whether the service runs, so that its ports have to be held.
    """
    return [
        *_certificate(trunk, now),
        *_ports(trunk, running),
        *_secrets(trunk),
        *_admission(trunk),
        *_room(trunk, others),
        *_public_address(trunk),
    ]


def _told(trunk: Trunk, code: str, **facts: object) -> TrunkFinding:
    return say(trunk, load_rows()[code], code, 0, **facts)


def _certificate(trunk: Trunk, now: datetime) -> Iterator[TrunkFinding]:
    settings = trunk.settings
    if not isinstance(settings, SiprecTrunk) or "tls" not in settings.transports:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            str(settings.tls_certificate), str(settings.tls_key)
        )
        first = x509.load_pem_x509_certificates(Path(str(settings.tls_certificate)).read_bytes())[0]
    except (OSError, ValueError, IndexError):  # ssl.SSLError is an OSError
        yield _told(trunk, "certificate-unreadable")
        return
    left, until = first.not_valid_after_utc - now, first.not_valid_before_utc - now
    if left.total_seconds() < 0:
        yield _told(trunk, "certificate-expired", days=-left.days)
    elif until.total_seconds() > 0:
        yield _told(trunk, "certificate-early", days=until.days + 1)
    elif left.days < _DAYS_LEFT:
        yield _told(trunk, "certificate-ends", days=left.days)


def _ports(trunk: Trunk, running: bool) -> Iterator[TrunkFinding]:
    for host, port, kind in _listening(trunk.settings):
        held = _is_held(host, port, kind)
        if held is not running:
            shown = f"{port}/{'tcp' if kind is socket.SOCK_STREAM else 'udp'}"
            yield _told(trunk, "port-taken" if held else "port-not-held", port=shown)


def _listening(settings: TrunkConfig) -> Iterator[tuple[str, int, socket.SocketKind]]:
    if isinstance(settings, SiprecTrunk):
        kinds = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM, "tls": socket.SOCK_STREAM}
        for transport in dict.fromkeys(settings.transports):
            port = settings.tls_port if transport == "tls" else settings.port
            yield settings.host, port, kinds[transport]
    elif isinstance(settings, AudioSocketTrunk) and settings.port:
        yield settings.host, settings.port, socket.SOCK_STREAM
    elif isinstance(settings, RtpTrunk):
        for line in settings.lines:
            for _, port in line.ports:
                yield settings.host, port, socket.SOCK_DGRAM


def _is_held(host: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def _secrets(trunk: Trunk) -> Iterator[TrunkFinding]:
    for key in _SECRETS:
        file: Path | None = getattr(trunk.settings, f"{key}_file", None)
        value: SecretStr | None = getattr(trunk.settings, key, None)
        setting = f"[trunks.{trunk.name}] {key}" if file is None else f"[trunks.{trunk.name}] {key}_file"
        try:
            secret = read_secret(f"trunks.{trunk.name}", key, value, file)
        except SettingsError:
            yield _told(trunk, "secret-unreadable", setting=setting)
            continue
        if secret is not None and len(secret) < _LEAST_SECRET:
            yield _told(trunk, "secret-short", setting=setting, given=len(secret), needed=_LEAST_SECRET)
        if value is None and file is not None and file.stat().st_mode & _READABLE_BY_ALL:
            yield _told(trunk, "secret-open", setting=setting)


def _admission(trunk: Trunk) -> Iterator[TrunkFinding]:
    settings = trunk.settings
    if all(network.prefixlen >= _WIDE_PREFIX[network.version] for network in settings.allow):
        return
    keys = (*_SECRETS, *(f"{key}_file" for key in _SECRETS), "digest_file", "tls_client_ca")
    asks = any(getattr(settings, key, None) is not None for key in keys)
    yield _told(trunk, "wide-allow" if asks else "admits-everybody")


def _room(trunk: Trunk, others: dict[str, TrunkConfig]) -> Iterator[TrunkFinding]:
    settings = trunk.settings
    if not isinstance(settings, SiprecTrunk | RtpTrunk):
        return
    first, last = settings.media_port_first, settings.media_port_last
    given, needed = last - first + 1, _PORTS_A_CALL * settings.max_calls
    if given < needed and not (isinstance(settings, RtpTrunk) and settings.lines):
        yield _told(trunk, "ports-few", given=given, needed=needed)
    for name, other in others.items():
        if name == trunk.name or not isinstance(other, SiprecTrunk | RtpTrunk):
            continue
        if first <= other.media_port_last and other.media_port_first <= last:
            yield _told(trunk, "ports-overlap", other=name)


def _public_address(trunk: Trunk) -> Iterator[TrunkFinding]:
    settings = trunk.settings
    signed = isinstance(settings, StreamTrunk) and (settings.auth_token or settings.auth_token_file)
    hook = isinstance(settings, AudioHookTrunk)
    if (signed or hook) and trunk.public_url is None:
        yield _told(trunk, "public-url-missing")
    elif hook and not str(trunk.public_url).startswith("https://"):
        yield _told(trunk, "public-url-plain")
