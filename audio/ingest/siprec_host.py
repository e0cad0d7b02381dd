"""What a recording session needs of the server that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from koemori.audio.ingest.siprec_call import RecordedCall
from koemori.audio.sip.answer import AnswerPolicy

if TYPE_CHECKING:
    from koemori.audio.ingest.siprec_session import RecordingSession


@dataclass(frozen=True, slots=True)
class SiprecLimits:
    """When a session is over that nobody ends.

    Attributes:
        max_calls: More sessions are refused with 503, so that the sender takes its next recorder.
        silence_s: Without a packet though none is held, the session is ended.
        lost_signalling_s: The same once the sender's connection is gone.
        held_s: A session that is held for longer is ended.
        held_lost_s: The same once the connection is gone: some senders close those that are idle.
        problem_after_s: A leg without any packet for this long is reported.
    """

    max_calls: int = 200
    silence_s: float = 60.0
    lost_signalling_s: float = 10.0
    held_s: float = 4 * 3600.0
    held_lost_s: float = 1800.0
    problem_after_s: float = 10.0


class SessionHost(Protocol):
    """What a session needs of its server."""

    @property
    def answers(self) -> AnswerPolicy:
        """What is taken of an offer."""
        ...

    @property
    def media_host(self) -> str:
        """The address that media is to be sent to."""
        ...

    @property
    def limits(self) -> SiprecLimits:
        """See `SiprecLimits`."""
        ...

    def new_call(self) -> RecordedCall:
        """A call with nothing in it."""
        ...

    def waiting_side(self, conversation: str) -> RecordedCall | None:
        """The call that waits for the other side of this conversation; it then waits no more."""
        ...

    def wait_for_side(self, conversation: str, call: RecordedCall) -> None:
        """Let a call wait for its other side."""
        ...

    def problem(self, code: str) -> None:
        """Count something that is wrong with calls."""
        ...

    def session_over(self, session: RecordingSession, reason: str) -> None:
        """A session is over."""
        ...
