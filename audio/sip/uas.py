"""A SIP server that takes sessions: requests and times in, answers and calls to its user out.

It answers at once: there is nobody to ring. What a session is about is decided by `SessionTaker`.

Source: RFC 3261 §8.2 (order of the checks), §9.2, §11, §13.3, §14.2, §15.1.2; RFC 3311 (UPDATE); RFC 3262 §3;
RFC 7866 §6 (option tag, feature tags).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from koemori.audio.errors import SipError
from koemori.audio.sip.dialog import Answer, Dialog, DialogKey, key_of
from koemori.audio.sip.digest import DigestGuard, Verdict
from koemori.audio.sip.fields import parse_cseq
from koemori.audio.sip.flow import Flow, Send
from koemori.audio.sip.message import Message, Request, Response
from koemori.audio.sip.responses import (
    ALLOW,
    SUPPORTED,
    make_response,
    refusal_rows,
    unsupported_tags,
)
from koemori.audio.sip.session_timer import LEAST_S, agree_timer
from koemori.audio.sip.transaction import (
    ClientTransactions,
    ServerTransaction,
    ServerTransactions,
    answer_flow,
    received_by,
)

Rows = Sequence[tuple[str, str]]


class SessionTaker(Protocol):
    """Decides about new sessions."""

    def invited(self, request: Request, dialog: Dialog, now_s: float) -> Answer:
        """Take a session: set `dialog.user` and answer.

        Raises:
            SipError: It is refused with this status.
        """
        ...


@dataclass(slots=True, eq=False)
class UserAgentServer:
    """All transactions and dialogs of one address.

    Attributes:
        taker: Decides about new sessions.
        contact: Makes the value of our Contact for a transport.
        address: Makes host and port of ours for a transport, for Via headers.
        guard: Asks for credentials; None asks nobody.
        refused: Told the code of each refusal.
    """

    taker: SessionTaker
    contact: Callable[[str], str]
    address: Callable[[str], str]
    guard: DigestGuard | None = None
    refused: Callable[[str], None] = lambda _code: None
    _servers: ServerTransactions = field(default_factory=ServerTransactions)
    _clients: ClientTransactions = field(default_factory=ClientTransactions)
    _dialogs: dict[DialogKey, Dialog] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._dialogs)

    @property
    def dialogs(self) -> tuple[Dialog, ...]:
        """Those that are up."""
        return tuple(self._dialogs.values())

    @property
    def busy(self) -> bool:
        """Whether a request of ours still waits for its answer."""
        return bool(len(self._clients))

    def receive(self, message: Message, flow: Flow, now_s: float) -> list[Send]:
        """Take one message; return what is to be sent. Never raises."""
        try:
            if isinstance(message, Response):
                return self._clients.receive(message, now_s)
            return self._request(received_by(message, flow), flow, now_s)
        except SipError:
            # Without a usable Via or CSeq there is nowhere an answer could go.
            self.refused("not-understood")
            return []

    def advance(self, now_s: float) -> list[Send]:
        """Do what is due: repeat, give up, refresh sessions or end them."""
        sends = self._servers.advance(now_s) + self._clients.advance(now_s)
        for dialog in self.dialogs:
            if dialog.due_at_s is not None and now_s >= dialog.due_at_s:
                sends += self._timer_due(dialog, now_s)
        return sends

    def hang_up(self, dialog: Dialog, reason: str, now_s: float) -> list[Send]:
        """End a dialog from our side; its user is told the reason."""
        if self._dialogs.pop(dialog.key, None) is None:
            return []
        sends = self._send(dialog, "BYE", (), b"", now_s, lambda _status, _now: [])
        if dialog.user is not None:
            dialog.user.ended(reason, None, now_s)
        return sends

    def ask_for_metadata(self, dialog: Dialog, now_s: float) -> list[Send]:
        """Ask for the whole metadata, where the other end says that it understands (RFC 7866 §9.2)."""
        known = "application/rs-metadata-request" in dialog.accepts
        if not known or "update" not in dialog.allows:
            return []
        rows = (
            ("Content-Disposition", "recording-session"),
            ("Content-Type", "application/rs-metadata-request"),
        )
        return self._send(dialog, "UPDATE", rows, b"request: full\r\n", now_s, lambda _status, _now: [])

    def _request(self, request: Request, flow: Flow, now_s: float) -> list[Send]:
        if request.method == "ACK":
            return self._acknowledged(request, now_s)
        known = self._servers.find(request)
        if known is not None:
            return [] if known.answer is None else [known.answer]
        number, method = parse_cseq(request.headers.get("CSeq"))
        try:
            transaction = self._servers.begin(request, flow, now_s)
        except SipError as error:
            self.refused("overloaded")
            refusal = make_response(request, error.status, "", (("Retry-After", "10"),))
            return [Send(answer_flow(request, flow), refusal.to_bytes())]
        try:
            if (method != request.method and request.method != "BYE") or number < 0:
                raise SipError(400, "the same method in CSeq", "another")
            return self._handled(transaction, flow, now_s)
        except SipError as error:
            return self._refuse(transaction, error, now_s)

    def _handled(self, transaction: ServerTransaction, flow: Flow, now_s: float) -> list[Send]:
        request = transaction.request
        key = key_of(request)
        if request.method == "CANCEL":
            return self._cancelled(transaction, now_s)
        dialog = self._dialogs.get(key) if key[1] else None
        if dialog is None and request.method == "BYE":
            dialog = self._meant(key)
        if key[1] and dialog is None:
            raise SipError(481, "a dialog that is up", "another")
        if dialog is None and self._servers.merged(request):
            raise SipError(482, "a request once", "the same by another way")
        sends = self._challenged(transaction, dialog, now_s)
        if sends:
            return sends
        if request.method.lower() not in {method.lower() for method in ALLOW}:
            raise SipError(405, f"one of {', '.join(ALLOW)}", f"a method of {len(request.method)} letters")
        if unsupported_tags(request.headers):
            raise SipError(420, f"option tags of {', '.join(SUPPORTED)}", "others")
        if dialog is not None:
            return self._within(transaction, dialog, flow, now_s)
        if request.method == "INVITE":
            return self._invited(transaction, flow, now_s)
        if request.method == "OPTIONS":
            return self._respond(transaction, 200, refusal_rows(405), now_s)
        raise SipError(481, "a dialog", "none")

    def _meant(self, key: tuple[str, str, str]) -> Dialog | None:
        """The dialog that a BYE with a wrong tag of ours, or none, must mean.

        Recording clients in the field end calls so, and a recorder that insists on the tag (RFC 3261 §12.2.2)
        would go on recording a line that has been told good-bye.
        """
        meant = [one for at, one in self._dialogs.items() if (at[0], at[2]) == (key[0], key[2])]
        return meant[0] if len(meant) == 1 else None

    def _challenged(self, transaction: ServerTransaction, dialog: Dialog | None, now_s: float) -> list[Send]:
        """Ask for credentials, where they are wanted: for everything outside of a dialog but OPTIONS."""
        request = transaction.request
        if self.guard is None or dialog is not None or request.method == "OPTIONS":
            return []
        verdict = self.guard.check(request.method, request.headers.get("Authorization"), now_s)
        if verdict is Verdict.GOOD:
            return []
        if verdict is not Verdict.MISSING:
            self.refused(f"credentials-{verdict}")
        stale = verdict is Verdict.STALE
        rows = [("WWW-Authenticate", value) for value in self.guard.challenges(now_s, stale=stale)]
        return self._respond(transaction, 401, rows, now_s)

    def _invited(self, transaction: ServerTransaction, flow: Flow, now_s: float) -> list[Send]:
        request = transaction.request
        timer = agree_timer(request.headers)
        dialog = Dialog.of_invite(request, flow, self.contact(flow.transport))
        answer = self.taker.invited(request, dialog, now_s)
        self._dialogs[dialog.key] = dialog
        sends = self._respond(transaction, 100, (), now_s)
        return sends + self._accepted(transaction, dialog, answer, timer is not None, now_s)

    def _accepted(
        self, transaction: ServerTransaction, dialog: Dialog, answer: Answer, timed: bool, now_s: float
    ) -> list[Send]:
        """Answer an INVITE or an UPDATE with 200."""
        request = transaction.request
        rows: list[tuple[str, str]] = [("Contact", dialog.contact), ("Allow", ", ".join(ALLOW))]
        rows += [("Supported", ", ".join(SUPPORTED)), ("Accept", "application/sdp, application/rs-metadata")]
        if timed or (dialog.timer is not None and not dialog.timer.ours):
            # A refresh that names no interval ends the timer (RFC 4028 §9): silence then ends the call.
            dialog.timer = agree_timer(request.headers)
        if timed and dialog.timer is not None:
            rows.append(dialog.timer.header)
            if not dialog.timer.ours:
                rows.append(("Require", "timer"))
        dialog.refreshed(now_s)
        rows += answer.headers
        if answer.body:
            rows.append(("Content-Type", answer.media_type))
        if request.method == "INVITE":
            if dialog.pending is not None:
                # Whoever sends the next INVITE has our answer to the last; its ACK was overtaken or lost.
                self._servers.acknowledge(dialog.pending)
            dialog.pending = transaction
            transaction.unacknowledged = lambda late_s: self.hang_up(dialog, "no-ack", late_s)
        return self._respond(transaction, 200, rows, now_s, dialog, answer.body)

    def _within(self, transaction: ServerTransaction, dialog: Dialog, flow: Flow, now_s: float) -> list[Send]:
        request, user = transaction.request, dialog.user
        if request.method != "PRACK":
            dialog.take(request, flow)
        if user is None:
            raise SipError(481, "a session", "none")
        match request.method:
            case "INVITE" | "UPDATE":
                timed = agree_timer(request.headers) is not None
                answer = user.changed(request, now_s)
                return self._accepted(transaction, dialog, answer, timed, now_s)
            case "BYE":
                self._dialogs.pop(dialog.key, None)
                sends = self._respond(transaction, 200, (), now_s)
                user.ended("completed", request, now_s)
                return sends
            case "INFO":
                user.informed(request, now_s)
                return self._respond(transaction, 200, (), now_s)
            case "OPTIONS":
                return self._respond(transaction, 200, refusal_rows(405), now_s)
            case _:  # PRACK: no provisional answer of ours was reliable (RFC 3262 §3)
                raise SipError(481, "the number of a provisional answer", "another")

    def _cancelled(self, transaction: ServerTransaction, now_s: float) -> list[Send]:
        """An INVITE is answered at once, so a CANCEL comes too late and changes nothing (§9.2)."""
        if self._servers.find_invite(transaction.request) is None:
            raise SipError(481, "a request to cancel", "none")
        return self._respond(transaction, 200, (), now_s)

    def _acknowledged(self, request: Request, now_s: float) -> list[Send]:
        same = self._servers.find(request)
        if same is not None and same.status >= 300:
            self._servers.acknowledge(same)
            return []
        dialog = self._dialogs.get(key_of(request))
        if dialog is None or dialog.pending is None or dialog.user is None:
            return []
        if (
            parse_cseq(request.headers.get("CSeq"))[0]
            != parse_cseq(dialog.pending.request.headers.get("CSeq"))[0]
        ):
            return []
        self._servers.acknowledge(dialog.pending)
        dialog.pending = None
        try:
            dialog.user.acknowledged(request, now_s)
        except SipError as error:
            self.refused(f"status-{error.status}")
            return self.hang_up(dialog, "answer-refused", now_s)
        return []

    def _timer_due(self, dialog: Dialog, now_s: float) -> list[Send]:
        timer = dialog.timer
        if timer is None or not timer.ours:
            return self.hang_up(dialog, "session-expired", now_s)
        if "update" not in dialog.allows:
            dialog.due_at_s = None  # it asked us to refresh and gives us no way to: silence ends the call
            return []
        dialog.due_at_s = now_s + timer.patience_s

        def done(status: int, at_s: float) -> list[Send]:
            if status in (408, 481):
                return self.hang_up(dialog, "session-expired", at_s)
            dialog.refreshed(at_s)
            return []

        rows = (timer.header, ("Supported", "timer"))
        return self._send(dialog, "UPDATE", rows, b"", now_s, done)

    def _send(
        self,
        dialog: Dialog,
        method: str,
        rows: Rows,
        body: bytes,
        now_s: float,
        done: Callable[[int, float], list[Send]],
    ) -> list[Send]:
        flow = dialog.next_hop()
        branch, request = dialog.request(method, self.address(flow.transport), rows, body)
        return self._clients.begin(branch, Send(flow, request.to_bytes()), now_s, done)

    def _refuse(self, transaction: ServerTransaction, error: SipError, now_s: float) -> list[Send]:
        if error.status not in (481, 482):
            self.refused(f"status-{error.status}")
        rows = list(refusal_rows(error.status, transaction.request, error.came))
        if error.status == 422:
            rows.append(("Min-SE", str(LEAST_S)))
        return self._respond(transaction, error.status, rows, now_s)

    def _respond(
        self,
        transaction: ServerTransaction,
        status: int,
        rows: Rows,
        now_s: float,
        dialog: Dialog | None = None,
        body: bytes = b"",
    ) -> list[Send]:
        tag = "" if dialog is None else dialog.key[1]
        response = make_response(transaction.request, status, tag, rows, body)
        return self._servers.respond(transaction, response, now_s)
