"""Cut a byte stream (TCP, TLS) into SIP messages.

Source: RFC 3261 §18.3 (Content-Length is required on streams), RFC 5626 §3.5.1 (CRLF keep-alives).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from koemori.audio.errors import SipError
from koemori.audio.sip.message import Head, Message, MessageLimits, parse_head, with_body

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_PING = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Ping:
    """A keep-alive that wants one CRLF back."""


@dataclass(frozen=True, slots=True)
class TooLong:
    """A message whose body is beyond the limit; nothing after it can be read."""

    head: Message


@dataclass(slots=True)
class StreamFramer:
    """Cuts one connection's bytes. After an error or `TooLong` the connection is of no more use.

    Attributes:
        limits: See `MessageLimits`.
    """

    limits: MessageLimits = field(default_factory=MessageLimits)
    _held: bytearray = field(default_factory=bytearray)
    _head: Head | None = None
    _looked_bytes: int = 0

    def push(self, received: bytes) -> list[Message | Ping | TooLong]:
        """Add bytes; return what they complete, in order.

        Raises:
            SipError: The stream is not SIP, or is beyond a limit.
        """
        self._held += received
        found: list[Message | Ping | TooLong] = []
        while (item := self._next()) is not None:
            found.append(item)
            if isinstance(item, TooLong):
                break
        return found

    @property
    def idle(self) -> bool:
        """Whether no message has been begun."""
        return not self._held and self._head is None

    def _next(self) -> Message | Ping | TooLong | None:
        if self._head is None:
            if self._held.startswith(_PING):
                del self._held[:4]
                return Ping()
            while self._held and self._held[0] in b"\r\n" and not _PING.startswith(self._held):
                del self._held[:1]
            self._head = self._read_head()
        return None if self._head is None else self._read_body(self._head)

    def _read_head(self) -> Head | None:
        limit = self.limits.head_bytes
        end = _HEAD_END.search(self._held, max(0, self._looked_bytes - 3))
        if end is None or end.start() > limit:
            if len(self._held) > limit:
                raise SipError(400, f"an empty line within {limit} bytes", "none")
            self._looked_bytes = len(self._held)
            return None
        head = parse_head(bytes(self._held[: end.start()]), self.limits)
        del self._held[: end.end()]
        self._looked_bytes = 0
        return head

    def _read_body(self, head: Head) -> Message | TooLong | None:
        wanted = head.content_bytes or 0
        if wanted > self.limits.message_bytes:
            return TooLong(head.message)
        if len(self._held) < wanted:
            return None
        body = bytes(self._held[:wanted])
        del self._held[:wanted]
        self._head = None
        return with_body(head.message, body)
