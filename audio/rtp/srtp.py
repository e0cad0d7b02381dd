"""SRTP with keys from the signalling: what `a=crypto` says ↔ libsrtp (RFC 4568, RFC 3711, RFC 7714)."""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import pylibsrtp
from koemori.audio.errors import RtpPacketError

_SUITES: Final = MappingProxyType(
    {
        "AES_CM_128_HMAC_SHA1_80": (pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
        "AES_CM_128_HMAC_SHA1_32": (pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 30),
        "AEAD_AES_128_GCM": (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
        "AEAD_AES_256_GCM": (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
    }
)
SRTP_SUITES: Final = tuple(_SUITES)
"""By the names of RFC 4568 and RFC 7714."""
_WINDOW_PACKETS: Final = 1_024
"""How late a packet may come and still be told from a replay; the receiver waits as long."""


@dataclass(frozen=True, slots=True)
class SrtpKey:
    """A suite and its master key with salt (30, 28 or 44 bytes)."""

    suite: str
    key_and_salt: bytes = field(repr=False)

    @classmethod
    def new(cls, suite: str) -> SrtpKey:
        """A random key for a suite of `SRTP_SUITES`."""
        return cls(suite, secrets.token_bytes(_SUITES[suite][1]))

    @classmethod
    def from_inline(cls, suite: str, parameters: str) -> SrtpKey:
        """Read the key parameters of `a=crypto:<tag> <suite> <parameters>` (RFC 4568 §6.1).

        Lifetime is passed over; a key with an MKI is refused, as its packets have another shape.

        Raises:
            RtpPacketError: The suite is not known, or the key has not its length.
        """
        if suite not in _SUITES:
            raise RtpPacketError(f"an SRTP suite among {', '.join(SRTP_SUITES)}", "another")
        method, _, rest = parameters.strip().split(" ")[0].split(";")[0].partition(":")
        text, *extras = rest.split("|")
        try:
            key = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        wanted = _SUITES[suite][1]
        if method.lower() != "inline" or len(key) != wanted:
            raise RtpPacketError(f"an inline key of {wanted} bytes in base64", f"{len(key)} bytes")
        if any(":" in extra for extra in extras):
            raise RtpPacketError("an SRTP key without MKI", "one with MKI")
        return cls(suite, key)

    @property
    def inline(self) -> str:
        """The key parameters as they are sent in `a=crypto`."""
        return "inline:" + base64.b64encode(self.key_and_salt).decode()


class SrtpSession:
    """Takes the cover off what the peer sends and puts it on what we send.

    Attributes:
        failed: Datagrams that did not verify.
        replayed: RTP that had come before, or too late to tell.
    """

    def __init__(self, received: SrtpKey, sent: SrtpKey) -> None:
        self._inbound = pylibsrtp.Session(_policy(received, pylibsrtp.Policy.SSRC_ANY_INBOUND))
        self._outbound = pylibsrtp.Session(_policy(sent, pylibsrtp.Policy.SSRC_ANY_OUTBOUND))
        self.failed = 0
        self.replayed = 0

    def unprotect(self, datagram: bytes, *, control: bool = False) -> bytes:
        """Take the cover off an SRTP (with `control`, SRTCP) datagram.

        Raises:
            RtpPacketError: It does not verify, or has come before; it is counted.
        """
        try:
            if control:
                return bytes(self._inbound.unprotect_rtcp(datagram))
            return bytes(self._inbound.unprotect(datagram))
        except (pylibsrtp.Error, ValueError, TypeError) as error:
            replayed = "replay" in str(error) or "too old" in str(error)
            self.replayed += replayed and not control
            self.failed += not replayed
            raise RtpPacketError("SRTP that verifies", "a replay" if replayed else "none") from None

    def protect(self, datagram: bytes, *, control: bool = False) -> bytes:
        """Cover an RTP (with `control`, RTCP) datagram of ours; at most about 1 350 bytes."""
        session = self._outbound
        return bytes(session.protect_rtcp(datagram) if control else session.protect(datagram))


def _policy(key: SrtpKey, direction: int) -> pylibsrtp.Policy:
    profile, _ = _SUITES[key.suite]
    policy = pylibsrtp.Policy(key=key.key_and_salt, ssrc_type=direction, srtp_profile=profile)
    policy.window_size = _WINDOW_PACKETS
    return policy
