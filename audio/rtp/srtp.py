"""SRTP with keys from the signalling: what `a=crypto` says ↔ libsrtp (RFC 4568, RFC 3711, RFC 7714)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SrtpKey:
    """A suite by its name in RFC 4568 or RFC 7714, and master key with salt (30, 28 or 44 bytes)."""

    suite: str
    key_and_salt: bytes = field(repr=False)


class SrtpSession:
    """Takes the cover off what the peer sends and puts it on what we send."""

    def __init__(self, received: SrtpKey, sent: SrtpKey) -> None:
        raise NotImplementedError
