"""One dialog as its called side: who the ends are, what order requests come in, how long it lives.

Source: RFC 3261 §12 (dialogs), RFC 4028 §9-10 (session timers).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from koemori.audio.errors import SipError
from koemori.audio.sip.fields import parse_address, parse_cseq, uri_host
from koemori.audio.sip.flow import Flow
from koemori.audio.sip.message import Headers, Request
from koemori.audio.sip.session_timer import SessionTimer
from koemori.audio.sip.transaction import ServerTransaction

DialogKey = tuple[str, str, str]
"""Call-ID, our tag, their tag."""
_ROUTES = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What the user of a dialog wants to answer with status 200.

    Attributes:
        body: Of the answer.
        media_type: Of the body.
        headers: More rows.
    """

    body: bytes = field(default=b"", repr=False)
    media_type: str = "application/sdp"
    headers: Sequence[tuple[str, str]] = ()


class DialogUser(Protocol):
    """What a dialog is about. May raise `SipError` to refuse a request; the dialog then goes on."""

    def changed(self, request: Request, now_s: float) -> Answer:
        """A re-INVITE or an UPDATE, with or without a body."""
        ...

    def acknowledged(self, request: Request, now_s: float) -> None:
        """The ACK of an INVITE; carries the answer when the offer was ours."""
        ...

    def informed(self, request: Request, now_s: float) -> None:
        """An INFO."""
        ...

    def ended(self, reason: str, request: Request | None, now_s: float) -> None:
        """The dialog is over: by the BYE given, or by ourselves. Must not raise."""
        ...


@dataclass(slots=True, eq=False)
class Dialog:
    """One dialog.

    Attributes:
        key: See `DialogKey`.
        local: Our address with our tag: the `To` of their requests, the `From` of ours.
        remote: Theirs.
        target: Where our requests go, as a URI.
        routes: The route set.
        contact: Ours, as the value of a header.
        flow: By which the other end was last heard.
        remote_sequence: Number of the last request.
        local_sequence: Of ours.
        allows: Methods that the other end takes, in lower case.
        accepts: Media types that it takes, in lower case.
        timer: See `SessionTimer`.
        due_at_s: When the timer wants something done.
        user: What the dialog is about; set right after it was made.
        pending: INVITE whose answer has not been acknowledged.
    """

    key: DialogKey = field(repr=False)
    local: str = field(repr=False)
    remote: str = field(repr=False)
    target: str = field(repr=False)
    routes: tuple[str, ...] = field(repr=False)
    contact: str = field(repr=False)
    flow: Flow
    remote_sequence: int
    local_sequence: int = 0
    allows: frozenset[str] = frozenset()
    accepts: frozenset[str] = frozenset()
    timer: SessionTimer | None = None
    due_at_s: float | None = None
    user: DialogUser | None = None
    pending: ServerTransaction | None = None

    @classmethod
    def of_invite(cls, request: Request, flow: Flow, contact: str) -> Dialog:
        """The dialog that answering this INVITE establishes.

        Raises:
            SipError: 400: a header that a dialog needs is missing or cannot be read.
        """
        call_id = request.headers.get("Call-ID")
        remote, local = request.headers.get("From"), request.headers.get("To")
        contacts = request.headers.listed("Contact")
        if not call_id or not remote or not local:
            raise SipError(400, "Call-ID, From and To", "an INVITE without one of them")
        tag = secrets.token_hex(8)
        number, _ = parse_cseq(request.headers.get("CSeq"))
        dialog = cls(
            key=(call_id, tag, parse_address(remote).parameters.get("tag", "")),
            local=f"{local};tag={tag}",
            remote=remote,
            target=parse_address(contacts[0] if contacts else remote).uri,
            routes=request.headers.listed("Record-Route")[:_ROUTES],
            contact=contact,
            flow=flow,
            remote_sequence=number,
        )
        dialog.learn(request)
        return dialog

    def learn(self, request: Request) -> None:
        """Take over what a request of the other end says about it."""
        self.allows = request.headers.tokens("Allow") or self.allows
        self.accepts = request.headers.tokens("Accept") or self.accepts

    def take(self, request: Request, flow: Flow) -> None:
        """Take a request within the dialog; its order is checked (§12.2.2).

        Raises:
            SipError: 500: it is older than one that came before, and no BYE: what ends a call ends it.
        """
        number, _ = parse_cseq(request.headers.get("CSeq"))
        if request.method == "ACK":
            return
        if number < self.remote_sequence and request.method != "BYE":
            raise SipError(500, f"a CSeq of at least {self.remote_sequence}", f"{number}")
        self.remote_sequence, self.flow = max(number, self.remote_sequence), flow
        contacts = request.headers.listed("Contact")
        if contacts and request.method in ("INVITE", "UPDATE"):
            self.target = parse_address(contacts[0]).uri
        self.learn(request)

    def refreshed(self, now_s: float) -> None:
        """The session was refreshed, by either side."""
        self.due_at_s = None if self.timer is None else now_s + self.timer.patience_s

    def request(
        self,
        method: str,
        local_address: str,
        rows: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> tuple[str, Request]:
        """Make a request of ours; returns its branch as well.

        Args:
            method: BYE, UPDATE, …
            local_address: Host and port of ours, for the Via.
            rows: More headers.
            body: As it is; rows name its type.
        """
        self.local_sequence += 1
        branch = f"z9hG4bK{secrets.token_hex(12)}"
        headers = (
            ("Via", f"SIP/2.0/{self.flow.transport} {local_address};branch={branch};rport"),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in self.routes),
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.key[0]),
            ("CSeq", f"{self.local_sequence} {method}"),
            ("Contact", self.contact),
            *rows,
        )
        return branch, Request(method, self.target, Headers(headers), body)

    def next_hop(self) -> Flow:
        """Where our requests go: its contact's port where that is the host we hear, else where we hear it.

        A contact or route that names another host is not followed: an allowed peer must not make us write
        to hosts that are not.
        """
        first = re.sub(r"[<>]", "", self.routes[0]) if self.routes else self.target
        host, port = uri_host(first)
        if self.flow.reliable or host != self.flow.host:
            return self.flow
        return replace(self.flow, port=port or 5060)


def key_of(request: Request) -> DialogKey:
    """The dialog that a request within one names; the tag of ours is empty outside of any.

    Raises:
        SipError: 400: an address cannot be read.
    """
    ours = parse_address(request.headers.get("To") or "").parameters.get("tag", "")
    theirs = parse_address(request.headers.get("From") or "").parameters.get("tag", "")
    return request.headers.get("Call-ID") or "", ours, theirs
