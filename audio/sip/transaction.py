"""Server and client transactions: each request is handled once, each answer is repeated until it has arrived.

Times are monotonic seconds, given by the caller.

Source: RFC 3261 §17 (timers G, H, I, J, E, F), §8.2.2.2 (merged requests), §13.3.1.4 and RFC 6026 (2xx to an
INVITE is repeated on every transport until the ACK), §18.2.2 and RFC 3581 (where an answer goes).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from koemori.audio.errors import SipError
from koemori.audio.sip.fields import Via, parse_address, parse_cseq, parse_via
from koemori.audio.sip.flow import Flow, Send
from koemori.audio.sip.message import Headers, Request, Response

T1_S = 0.5
T2_S = 4.0
LIFE_S = 64 * T1_S
_COOKIE = "z9hG4bK"

TransactionKey = tuple[str, ...]


@dataclass(slots=True, eq=False)
class ServerTransaction:
    """One request that came, and its answer."""

    request: Request = field(repr=False)
    flow: Flow
    key: TransactionKey = field(repr=False)
    merge_key: TransactionKey = field(repr=False)
    ends_at_s: float
    answer: Send | None = None
    status: int = 0
    repeat_at_s: float | None = None
    interval_s: float = T1_S
    acknowledged: bool = False
    unacknowledged: Callable[[float], list[Send]] | None = None
    """Called once when the ACK for a 2xx has not come in time."""


@dataclass(slots=True)
class ServerTransactions:
    """All requests of the last half minute.

    Attributes:
        most: Requests remembered at once; more are answered 503 by the caller.
    """

    most: int = 20_000
    _by_key: dict[TransactionKey, ServerTransaction] = field(default_factory=dict)
    _by_merge: dict[TransactionKey, ServerTransaction] = field(default_factory=dict)
    _repeating: dict[TransactionKey, ServerTransaction] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._by_key)

    def find(self, request: Request) -> ServerTransaction | None:
        """The transaction that a repeated request, an ACK or a CANCEL belongs to."""
        return self._by_key.get(_key(request))

    def merged(self, request: Request) -> bool:
        """Whether this request has come before by another way."""
        known = self._by_merge.get(_merge_key(request))
        return known is not None and known.status < 300 and known.key != _key(request)

    def find_invite(self, cancel: Request) -> ServerTransaction | None:
        """The INVITE that a CANCEL wants to end: it has the same branch (RFC 3261 §9.2)."""
        return self._by_key.get(_key(replace(cancel, method="INVITE")))

    def begin(self, request: Request, flow: Flow, now_s: float) -> ServerTransaction:
        """Remember a new request.

        Raises:
            SipError: 503: too many are remembered.
        """
        if len(self._by_key) >= self.most:
            raise SipError(503, f"at most {self.most} requests in {LIFE_S:.0f} s", "more")
        transaction = ServerTransaction(request, flow, _key(request), _merge_key(request), now_s + LIFE_S)
        self._by_key[transaction.key] = transaction
        self._by_merge.setdefault(transaction.merge_key, transaction)
        return transaction

    def respond(self, transaction: ServerTransaction, response: Response, now_s: float) -> list[Send]:
        """Answer, and see to it that the answer is repeated while it has to be."""
        send = Send(answer_flow(transaction.request, transaction.flow), response.to_bytes())
        transaction.answer, transaction.status = send, response.status
        invite = transaction.request.method == "INVITE"
        if invite and response.status >= 200 and (response.status < 300 or not send.flow.reliable):
            transaction.repeat_at_s = now_s + T1_S
            transaction.ends_at_s = now_s + LIFE_S
            self._repeating[transaction.key] = transaction
        return [send]

    def acknowledge(self, transaction: ServerTransaction) -> None:
        """The ACK has come: repeat no more."""
        transaction.acknowledged, transaction.repeat_at_s = True, None
        self._repeating.pop(transaction.key, None)

    def advance(self, now_s: float) -> list[Send]:
        """Repeat and forget what is due."""
        sends: list[Send] = []
        for transaction in list(self._repeating.values()):
            if transaction.repeat_at_s is None or now_s < transaction.repeat_at_s:
                continue
            if now_s >= transaction.ends_at_s:
                self.acknowledge(transaction)
                if 200 <= transaction.status < 300 and transaction.unacknowledged is not None:
                    sends += transaction.unacknowledged(now_s)
            elif transaction.answer is not None:
                sends.append(transaction.answer)
                transaction.interval_s = min(2 * transaction.interval_s, T2_S)
                transaction.repeat_at_s = min(now_s + transaction.interval_s, transaction.ends_at_s)
        # Entries are in the order in which they began: the oldest first.
        while self._by_key:
            oldest = next(iter(self._by_key.values()))
            if now_s < oldest.ends_at_s or oldest.key in self._repeating:
                break
            del self._by_key[oldest.key]
            if self._by_merge.get(oldest.merge_key) is oldest:
                del self._by_merge[oldest.merge_key]
        return sends


@dataclass(slots=True)
class ClientTransaction:
    """One request of ours (BYE, UPDATE) that waits for its answer."""

    send: Send
    done: Callable[[int, float], list[Send]]
    """Takes the final status (408 when none came) and the time."""
    ends_at_s: float
    repeat_at_s: float
    interval_s: float = T1_S


@dataclass(slots=True)
class ClientTransactions:
    """Our requests under way, by branch."""

    _by_branch: dict[str, ClientTransaction] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._by_branch)

    def begin(
        self, branch: str, send: Send, now_s: float, done: Callable[[int, float], list[Send]]
    ) -> list[Send]:
        """Send a request that is no INVITE."""
        self._by_branch[branch] = ClientTransaction(send, done, now_s + LIFE_S, now_s + T1_S)
        return [send]

    def receive(self, response: Response, now_s: float) -> list[Send]:
        """Take an answer; one that nobody waits for is dropped."""
        try:
            branch = parse_via(next(iter(response.headers.listed("Via")), "")).parameters.get("branch", "")
        except SipError:
            return []
        known = self._by_branch.get(branch)
        if known is None or response.status < 200:
            return []
        del self._by_branch[branch]
        return known.done(response.status, now_s)

    def advance(self, now_s: float) -> list[Send]:
        """Repeat what is due; give up what has waited too long."""
        sends: list[Send] = []
        for branch, each in list(self._by_branch.items()):
            if now_s >= each.ends_at_s:
                del self._by_branch[branch]
                sends += each.done(408, now_s)
            elif now_s >= each.repeat_at_s and not each.send.flow.reliable:
                sends.append(each.send)
                each.interval_s = min(2 * each.interval_s, T2_S)
                each.repeat_at_s = now_s + each.interval_s
        return sends


def received_by(request: Request, flow: Flow) -> Request:
    """The request with `received` and `rport` filled into its topmost Via (RFC 3581 §4).

    Raises:
        SipError: It has no usable Via.
    """
    rows = list(request.headers.rows)
    place = next((index for index, (name, _) in enumerate(rows) if name.lower() == "via"), None)
    hops = request.headers.listed("Via")
    if place is None or not hops:
        raise SipError(400, "a Via header", "none")
    via = parse_via(hops[0])
    kept = [(name, value) for name, value in via.parameters.items() if name not in ("received", "rport")]
    told = [*kept, ("received", flow.host)]
    if "rport" in via.parameters:
        told.append(("rport", str(flow.port)))
    port = "" if via.port is None else f":{via.port}"
    tail = "".join(f";{name}={value}" if value else f";{name}" for name, value in told)
    first = f"SIP/2.0/{via.transport} {via.host}{port}{tail}"
    others = [("Via", hop) for hop in hops[1:]]
    rest = [(name, value) for name, value in rows if name.lower() != "via"]
    return replace(request, headers=Headers((("Via", first), *others, *rest)))


def answer_flow(request: Request, flow: Flow) -> Flow:
    """Where the answer to a request goes: back over its connection, or by UDP to where the Via says."""
    if flow.reliable:
        return flow
    via = _top_via(request)
    if via.parameters.get("rport"):
        return flow
    return replace(flow, port=via.port or 5060)


def _top_via(request: Request) -> Via:
    return parse_via(next(iter(request.headers.listed("Via")), ""))


def _key(request: Request) -> TransactionKey:
    via = _top_via(request)
    number, _ = parse_cseq(request.headers.get("CSeq"))
    method = "INVITE" if request.method == "ACK" else request.method
    branch = via.parameters.get("branch", "")
    if branch.startswith(_COOKIE) and len(branch) > len(_COOKIE):
        return (branch, via.sent_by, method)
    return (*_identity(request), str(number), via.sent_by, branch, method)


def _identity(request: Request) -> tuple[str, str]:
    try:
        tag = parse_address(request.headers.get("From") or "").parameters.get("tag", "")
    except SipError:
        tag = ""
    return (request.headers.get("Call-ID") or "", tag)


def _merge_key(request: Request) -> TransactionKey:
    return (*_identity(request), " ".join(map(str, parse_cseq(request.headers.get("CSeq")))))
