"""A recording server (SIPREC): SIP messages in, answers and calls out; no I/O.

Source: RFC 7866; plain recording INVITEs of Cisco CUBE and of Cisco phones; see docs/capture/.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from koemori.audio.errors import SipError
from koemori.audio.ids import new_call_id
from koemori.audio.ingest.siprec_call import CallMedia, CallPolicy, RecordedCall
from koemori.audio.ingest.siprec_host import SiprecLimits
from koemori.audio.ingest.siprec_session import RecordingSession
from koemori.audio.sip.answer import AnswerPolicy
from koemori.audio.sip.dialog import Answer, Dialog
from koemori.audio.sip.flow import Flow, Send
from koemori.audio.sip.message import Request
from koemori.audio.sip.uas import UserAgentServer

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class SiprecServer:
    """All recording sessions of one trunk: a `SessionTaker`.

    Attributes:
        make_media: Media for one more call.
        now_at: The wall clock.
        media_host: The address that media is to be sent to.
        answers: What is taken of an offer.
        calls: What is known of this installation's calls.
        limits: See `SiprecLimits`.
        problem: Told the code of what is wrong with calls.
        closing: Whether new sessions are refused.
    """

    make_media: Callable[[], CallMedia]
    now_at: Callable[[], datetime]
    media_host: str
    answers: AnswerPolicy = field(default_factory=AnswerPolicy)
    calls: CallPolicy = field(default_factory=CallPolicy)
    limits: SiprecLimits = field(default_factory=SiprecLimits)
    problem: Callable[[str], None] = lambda _code: None
    closing: bool = False
    _sessions: list[RecordingSession] = field(default_factory=list)
    _waiting: dict[str, RecordedCall] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._sessions)

    def invited(self, request: Request, dialog: Dialog, now_s: float) -> Answer:
        """Take a new session.

        Raises:
            SipError: 503: closing, or at the limit; or what is wrong with the request.
        """
        if self.closing:
            raise SipError(503, "a service that takes calls", "one that is closing")
        if len(self._sessions) >= self.limits.max_calls:
            raise SipError(503, f"at most {self.limits.max_calls} sessions", "one more")
        session = RecordingSession(self, dialog, now_s, now_s)
        self._sessions.append(session)
        dialog.user = session
        try:
            return session.invited(request, now_s)
        except BaseException:
            self.session_over(session, "refused")  # again, where the session has done so itself
            raise

    def advance(self, agent: UserAgentServer, now_s: float) -> list[Send]:
        """Start what has waited, end what is silent, ask for metadata that is missing."""
        sends: list[Send] = []
        for session in tuple(self._sessions):
            try:
                reason = session.watch(now_s)
            except Exception as error:  # the others must be watched all the same
                logger.error("recording session ended by a mistake", exc_info=error)
                reason = "error:internal"
            if reason is not None:
                sends += agent.hang_up(session.dialog, reason, now_s)
            elif session.wants_metadata:
                session.wants_metadata = False
                sends += agent.ask_for_metadata(session.dialog, now_s)
        started = [key for key, call in self._waiting.items() if call.started or call.ended]
        for key in started:
            del self._waiting[key]
        return sends

    def flow_lost(self, flow: Flow) -> None:
        """A connection is gone; its sessions end unless media goes on or they are heard of again."""
        for session in self._sessions:
            if session.dialog.flow == flow:
                session.flow_lost = True

    def call_stopped(self, call_id: str, agent: UserAgentServer, reason: str, now_s: float) -> list[Send]:
        """A call was ended from our side: its sessions are hung up, so that the sender knows."""
        return [
            send
            for session in tuple(self._sessions)
            if any(call.call_id == call_id for call in session.calls)
            for send in agent.hang_up(session.dialog, reason, now_s)
        ]

    def new_call(self) -> RecordedCall:
        """A call with nothing in it."""
        return RecordedCall(new_call_id(self.now_at()), self.make_media(), self.calls, self.now_at)

    def waiting_side(self, conversation: str) -> RecordedCall | None:
        """The call that waits for the other side of this conversation; it then waits no more."""
        call = self._waiting.pop(conversation, None)
        return None if call is None or call.started is not None or call.ended else call

    def wait_for_side(self, conversation: str, call: RecordedCall) -> None:
        """Let a call wait for its other side."""
        self._waiting[conversation] = call

    def session_over(self, session: RecordingSession, reason: str) -> None:
        """A session is over: so are its calls, unless another session carries their other side."""
        if session not in self._sessions:
            return
        self._sessions.remove(session)
        if reason != "refused" and not session.checked and not session.heard:
            self.problem("no-media")
        for call in session.calls:
            if any(call in other.calls for other in self._sessions):
                session.part_from(call)
            else:
                call.end(reason)
