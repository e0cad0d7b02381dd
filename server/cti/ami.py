"""The Asterisk Manager Interface, seen from a client that only listens. No I/O.

Blocks of `Key: value` lines end with an empty line. The manager greets with one line; we ask for a challenge,
log in with MD5(challenge + secret) so that the secret stays here, and from then on get events. A ping now and
then shows that the line lives. Source: docs.asterisk.org, AMI v2 specification, and AMI actions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from koemori.audio.errors import KoemoriError

GREETING: Final = "Asterisk Call Manager/"
CLASSES: Final = "call,agent,user"
"""Classes of events that are asked for; manager.conf must let the account read them."""
_MOST_LINE_BYTES: Final = 8 * 1024
_MOST_LINES: Final = 256

AmiMessage = Mapping[str, str]
"""One block: key in lower case → value; the first of a key counts."""


class AmiError(KoemoriError):
    """The peer does not speak as an Asterisk manager does, or does not let us in."""

    code = "ami"

    def __init__(self, expected: str, came: str) -> None:
        super().__init__(f"asterisk manager: expected {expected}; got {came}")


class AmiLoginError(AmiError):
    """The manager does not know the account, or not this secret."""

    code = "ami-login"


@dataclass(slots=True)
class AmiReader:
    """Bytes → greeting, then blocks; bounded whatever comes."""

    greeted: bool = False
    _pending: bytearray = field(default_factory=bytearray)
    _block: dict[str, str] = field(default_factory=dict)
    _lines: int = 0

    def push(self, received: bytes) -> list[AmiMessage]:
        """Take bytes; return the blocks they complete.

        Raises:
            AmiError: A line or a block is longer than any of a manager, or the greeting is another program's.
        """
        self._pending += received
        blocks: list[AmiMessage] = []
        while (end := self._pending.find(b"\n")) >= 0:
            line = bytes(self._pending[:end]).removesuffix(b"\r")
            del self._pending[: end + 1]
            if len(line) > _MOST_LINE_BYTES:
                raise AmiError(f"lines of at most {_MOST_LINE_BYTES} bytes", f"{len(line)}")
            block = self._line(line.decode("utf-8", "replace"))
            if block:
                blocks.append(block)
        if len(self._pending) > _MOST_LINE_BYTES:
            raise AmiError(f"lines of at most {_MOST_LINE_BYTES} bytes", "a longer one")
        return blocks

    def _line(self, line: str) -> AmiMessage | None:
        if not self.greeted:
            if not line.startswith(GREETING):
                raise AmiError("the greeting of an Asterisk manager", f"{len(line)} other characters")
            self.greeted = True
            return None
        if not line:
            block, self._block, self._lines = self._block, {}, 0
            return block or None
        self._lines += 1
        if self._lines > _MOST_LINES:
            raise AmiError(f"blocks of at most {_MOST_LINES} lines", "a longer one")
        key, colon, value = line.partition(":")
        if colon:
            self._block.setdefault(key.strip().lower(), value.strip())
        return None


class _State(Enum):
    GREETING = auto()
    CHALLENGE = auto()
    LOGIN = auto()
    LISTENING = auto()


@dataclass(slots=True)
class AmiDialog:
    """One connection: what to send, and the events that came."""

    username: str
    secret: str = field(repr=False)
    _reader: AmiReader = field(default_factory=AmiReader)
    _state: _State = _State.GREETING
    _outgoing: list[bytes] = field(default_factory=list)
    pings_unanswered: int = 0

    @property
    def is_listening(self) -> bool:
        """Whether the manager has let us in."""
        return self._state is _State.LISTENING

    def push(self, received: bytes) -> list[AmiMessage]:
        """Take bytes; return the events among them. Send what `outgoing` gives afterwards.

        Raises:
            AmiError: See `AmiReader.push`.
            AmiLoginError: The account or its secret is refused.
        """
        events: list[AmiMessage] = []
        blocks = self._reader.push(received)
        if self._state is _State.GREETING and self._reader.greeted:
            self._ask({"Action": "Challenge", "AuthType": "MD5"}, _State.CHALLENGE)
        for block in blocks:
            if "event" in block:
                if self.is_listening:
                    events.append(block)
            elif "response" in block:
                self._answered(block)
        return events

    def outgoing(self) -> bytes:
        """What is to be sent now."""
        waiting, self._outgoing = self._outgoing, []
        return b"".join(waiting)

    def ping(self) -> None:
        """Ask whether anybody is there; `pings_unanswered` counts until an answer comes."""
        self.pings_unanswered += 1
        self._ask({"Action": "Ping"}, self._state)

    def log_off(self) -> None:
        """Say goodbye."""
        self._ask({"Action": "Logoff"}, self._state)

    def _answered(self, block: AmiMessage) -> None:
        is_good = block["response"].lower() in ("success", "pong")
        match self._state:
            case _State.CHALLENGE if is_good and block.get("challenge"):
                proof = (block["challenge"] + self.secret).encode()
                key = hashlib.md5(proof, usedforsecurity=False).hexdigest()
                login = {"Action": "Login", "AuthType": "MD5", "Username": self.username, "Key": key}
                self._ask(login | {"Events": CLASSES}, _State.LOGIN)
            case _State.CHALLENGE | _State.LOGIN if not is_good:
                raise AmiLoginError("to be let in", "a refusal (account, secret, permit)")
            case _State.CHALLENGE:
                raise AmiError("a challenge", "an answer without one")
            case _State.LOGIN:
                self._state = _State.LISTENING
            case _:
                self.pings_unanswered = 0

    def _ask(self, action: Mapping[str, str], then: _State) -> None:
        lines = [f"{key}: {_one_line(value)}" for key, value in action.items()]
        self._outgoing.append(("\r\n".join(lines) + "\r\n\r\n").encode())
        self._state = then


def _one_line(value: str) -> str:
    """A setting must not be able to say more than one line."""
    return value.replace("\r", "").replace("\n", "")
