"""One recording session: what its INVITEs, UPDATEs and INFOs say becomes calls, legs and facts; no I/O.

Usually a session is one call. Streams that join when all channels are taken become a call of their own,
linked to the first; two SIP calls with the two sides of one conversation (Cisco phones) become one call.

Source: RFC 7866 §6-9; RFC 3264 §8 (later offers).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from koemori.audio.errors import KoemoriError, SipError
from koemori.audio.ingest.siprec_call import RecordedCall
from koemori.audio.ingest.siprec_host import SessionHost
from koemori.audio.ingest.siprec_sides import CallSide, call_side
from koemori.audio.sip.answer import (
    LocalStream,
    OfferPlan,
    Stream,
    offer_again,
    plan_answer,
    write_answer,
    write_offer,
)
from koemori.audio.sip.dialog import Answer, Dialog
from koemori.audio.sip.fields import same_person
from koemori.audio.sip.mapping import Party, map_streams, parties_of_headers
from koemori.audio.sip.message import Request
from koemori.audio.sip.metadata import Metadata, parse_metadata
from koemori.audio.sip.multipart import METADATA, SDP, Part, find_metadata, find_sdp, split_body
from koemori.audio.sip.sdp import Codec, SessionDescription, parse_sdp, print_sdp
from koemori.audio.sip.vendor_keys import load_vendor_keys

_OTHER_SIDE_S = 3.0
_KEY = re.compile(r"\s*(?:Signal\s*=\s*)?([0-9A-D*#])\s*(?:\r?\n|\Z)", re.IGNORECASE)
_HELD_MS = re.compile(r"Duration\s*=\s*([0-9]{1,5})", re.IGNORECASE)
_PARTICIPANT_HEADER = "X-Cisco-Recording-Participant"
_MAX_CALLS = 4
"""Calls of one session: the first, and those of who joined later."""


@dataclass(slots=True, eq=False)
class RecordingSession:
    """One dialog: a `DialogUser`.

    Attributes:
        server: Whose.
        dialog: Its dialog.
        calls: Those it carries; the first is the conversation.
        began_at_s: Monotonic time.
        heard_at_s: When it was last seen that media comes, or that it is held.
        flow_lost: Whether the connection it came by is gone.
    """

    server: SessionHost
    dialog: Dialog
    began_at_s: float
    heard_at_s: float
    calls: list[RecordedCall] = field(default_factory=list)
    flow_lost: bool = False
    checked: bool = False
    wants_metadata: bool = False
    _places: dict[int, tuple[RecordedCall, int]] = field(default_factory=dict)
    _answer: SessionDescription | None = None
    _offered: LocalStream | None = None
    _asked: SessionDescription | None = None
    """Our offer in a session that is up, whose answer has not come."""
    _sdp_id: int = field(default_factory=lambda: secrets.randbelow(2**31))
    _version: int = 0

    def invited(self, request: Request, now_s: float) -> Answer:
        """Take the INVITE that begins the session.

        Raises:
            SipError: It is refused; nothing is left open.
        """
        try:
            parts = _parts(request)
            return self._begin(request, parts, self._metadata(parts), now_s)
        except KoemoriError as error:
            self.ended("refused", None, now_s)
            if isinstance(error, SipError):
                raise
            raise SipError(503, "a free port and keys that can be used", error.code) from error

    def changed(self, request: Request, now_s: float) -> Answer:
        """Take a re-INVITE or an UPDATE: media, metadata, both, or neither.

        Raises:
            SipError: It is refused.
        """
        parts = _parts(request)
        metadata = self._metadata(parts)
        offer = find_sdp(parts)
        self.flow_lost, self.heard_at_s = False, now_s
        answer = Answer()
        if offer is not None:
            try:
                answer = self._reoffered(offer, metadata, now_s)
            except SipError:
                raise
            except KoemoriError as error:
                raise SipError(503, "a free port and keys that can be used", error.code) from error
        elif request.method == "INVITE" and self._answer is not None:
            answer = self._offered_again(self._answer)
        self._learn(parts, metadata, now_s)
        return answer

    def acknowledged(self, request: Request, now_s: float) -> None:
        """The ACK; brings the answer where the offer was ours.

        Raises:
            SipError: The answer is missing or cannot be used.
        """
        text = find_sdp(_parts(request))
        if self._asked is not None and text is not None:
            self._asked = None
            self._directed(text, now_s)
            return
        if self._offered is None:
            return
        if text is None:
            raise SipError(400, "an answer to our offer", "none")
        self._offered = None
        plan = plan_answer(parse_sdp(text), self.server.answers)
        call, leg = self._places[0]
        call.document("offer", "sdp", SDP, text)
        if plan.streams:
            call.change(leg, plan.streams[0])
        call.start_when_due(now_s)

    def informed(self, request: Request, now_s: float) -> None:
        """An INFO: keys, or metadata."""
        parts = _parts(request, strict=False)
        self.flow_lost = False
        for part in parts:
            if part.media_type in ("application/dtmf-relay", "application/dtmf"):
                text = part.content[:256].decode("ascii", "replace")
                key, held = _KEY.match(text), _HELD_MS.search(text)
                if key is not None and self.calls:
                    self.calls[0].pressed(key[1].upper(), int(held[1]) if held else 0)
        self._learn(parts, self._metadata(parts), now_s)

    @property
    def heard(self) -> bool:
        """Whether any packet has come."""
        legs = ((call, leg) for call in self.calls for leg in range(len(call.legs)))
        return any(call.media.idle_s(leg) is not None for call, leg in legs)

    def part_from(self, call: RecordedCall) -> None:
        """This session is over, and another one goes on with a call: close what came by this one."""
        for mine, leg in self._places.values():
            if mine is call:
                call.close_leg(leg)

    def ended(self, reason: str, request: Request | None, now_s: float) -> None:
        """The dialog is over; the last metadata is still taken."""
        if request is not None:
            try:
                parts = _parts(request, strict=False)
                self._learn(parts, self._metadata(parts), now_s)
            except SipError as error:
                self.server.problem(f"bye-{error.status}")
            except Exception:
                self.server.session_over(self, reason)
                raise
        self.server.session_over(self, reason)

    def watch(self, now_s: float) -> str | None:
        """Look at the media; return why the session has to be ended, if it has to."""
        limits = self.server.limits
        for call in self.calls:
            call.start_when_due(now_s)
        idle = [call.media.idle_s(leg) for call in self.calls for leg in range(len(call.legs))]
        self.heard_at_s = max(self.heard_at_s, *(now_s - each for each in idle if each is not None), 0.0)
        held = all(call.held for call in self.calls)
        if not self.checked and now_s - self.began_at_s > limits.problem_after_s and not held:
            self.checked = True
            missing = sum(each is None for each in idle)
            if missing:
                self.server.problem("no-media" if missing == len(idle) else "one-way")
        silence_s = now_s - self.heard_at_s
        longest_s, lost_s = limits.silence_s, limits.lost_signalling_s
        if held:
            longest_s, lost_s = limits.held_s, limits.held_lost_s
        if self.flow_lost and silence_s > min(lost_s, longest_s):
            return "signalling-lost"
        if silence_s > longest_s:
            return "held-too-long" if held else "silence"
        return None

    def _begin(
        self, request: Request, parts: tuple[Part, ...], metadata: Metadata | None, now_s: float
    ) -> Answer:
        text = find_sdp(parts)
        side = call_side(request.headers)
        if text is None:
            return self._offer(request, side, now_s)
        plan = self._plan(text)
        headed = parties_of_headers(request.headers.all(_PARTICIPANT_HEADER), len(plan.streams))
        call, joined = self._call_for(side, now_s)
        self.calls.append(call)
        self._name(call, request)
        if metadata is not None:
            self.wants_metadata = metadata.partial and call.metadata is None
            call.learn(metadata)
        if len(plan.streams) == 1 and side is None:
            self.server.problem("mixed")
        locals_: list[LocalStream] = []
        for stream, party in zip(plan.streams, headed, strict=True):
            leg = len(call.legs)
            known = party if side is None else side.party
            locals_.append(call.add(stream, known, None if side is None else side.role))
            self._places[stream.line] = (call, leg)
        self._keep(call, text, parts)
        self._report(plan, metadata)
        if joined:
            call.start_by_s = None
        call.start_when_due(now_s)
        return self._answered(plan, locals_)

    def _call_for(self, side: CallSide | None, now_s: float) -> tuple[RecordedCall, bool]:
        if side is not None:
            waiting = self.server.waiting_side(side.conversation)
            if waiting is not None:
                return waiting, True
        call = self.server.new_call()
        if side is not None:
            call.start_by_s = now_s + _OTHER_SIDE_S
            self.server.wait_for_side(side.conversation, call)
        return call, False

    def _offer(self, request: Request, side: CallSide | None, now_s: float) -> Answer:
        """An INVITE without an offer (a trunk with delayed offer): ours is in the answer."""
        call, joined = self._call_for(side, now_s)
        self.calls.append(call)
        self._name(call, request)
        speech = Codec(0, "PCMU", 8000)
        stream = Stream(0, None, speech, (speech, Codec(101, "TELEPHONE-EVENT", 8000)), held=True)
        leg = len(call.legs)
        party, role = (None, None) if side is None else (side.party, side.role)
        self._offered = call.add(stream, party, role)
        self._places[0] = (call, leg)
        if joined:
            call.start_by_s = None
        self._answer = write_offer(self._offered, self.server.answers, self.server.media_host, self._sdp_id)
        return Answer(print_sdp(self._answer))

    def _plan(self, text: bytes) -> OfferPlan:
        try:
            return plan_answer(parse_sdp(text), self.server.answers)
        except SipError as error:
            if error.status == 488:
                self.server.problem("srtp-not-agreed" if "srtp" in error.came else "codec-not-agreed")
            raise

    def _reoffered(self, text: bytes, metadata: Metadata | None, now_s: float) -> Answer:
        plan = self._plan(text)
        offered = {line for line, media in enumerate(plan.offer.media) if media.port}
        for line, (call, leg) in list(self._places.items()):
            if line not in offered:
                call.close_leg(leg)
                del self._places[line]
        locals_ = [self._relocated(stream) for stream in plan.streams]
        self._keep(self.calls[0], text, ())
        self._report(plan, metadata)
        answer = self._answered(plan, locals_)
        for call in self.calls:
            call.start_when_due(now_s)
        return answer

    def _relocated(self, stream: Stream) -> LocalStream:
        """Our end of a stream of a later offer: the one it has, one that is free, or a call of its own."""
        known = self._places.get(stream.line)
        if known is not None:
            return known[0].change(known[1], stream)
        for call in self.calls:
            leg = call.free_leg()
            if leg is not None:
                self._places[stream.line] = (call, leg)
                return call.change(leg, stream)
        first = self.calls[0]
        if len(self.calls) >= _MAX_CALLS:
            raise SipError(488, f"at most {_MAX_CALLS} calls in a session", "more")
        if first.started is None:
            self._places[stream.line] = (first, len(first.legs))
            return first.add(stream)
        other = self.server.new_call()
        other.external_ids |= first.external_ids | {"linked_call_id": first.call_id}
        other.metadata = first.metadata
        self.calls.append(other)
        self._places[stream.line] = (other, 0)
        return other.add(stream)

    def _answered(self, plan: OfferPlan, locals_: list[LocalStream]) -> Answer:
        made = write_answer(plan, locals_, self.server.media_host, self._sdp_id, self._version)
        if self._answer is not None and made != self._answer:
            self._version += 1
            made = write_answer(plan, locals_, self.server.media_host, self._sdp_id, self._version)
        self._answer = made
        return Answer(print_sdp(made))

    def _offered_again(self, answer: SessionDescription) -> Answer:
        """A later INVITE asks for an offer: what holds, and the other end may go on with what is held."""
        self._version += 1
        self._asked = offer_again(answer, self.server.media_host, self._sdp_id, self._version)
        return Answer(print_sdp(self._asked))

    def _directed(self, text: bytes, now_s: float) -> None:
        """The answer to such an offer says which streams are held; codecs and keys stay what they are."""
        for line, media in enumerate(parse_sdp(text).media):
            if line in self._places and media.port:
                call, leg = self._places[line]
                call.change(leg, replace(call.legs[leg].stream, held=media.held))
        self._keep(self.calls[0], text, ())
        for call in self.calls:
            call.start_when_due(now_s)

    def _learn(self, parts: tuple[Part, ...], metadata: Metadata | None, now_s: float) -> None:
        if self.calls:
            self._keep(self.calls[0], None, parts)
        if metadata is None:
            return
        self.wants_metadata |= metadata.partial and all(call.metadata is None for call in self.calls)
        for call in self.calls:
            call.learn(metadata)
            call.start_when_due(now_s)

    def _keep(self, call: RecordedCall, offer: bytes | None, parts: tuple[Part, ...]) -> None:
        if offer is not None:
            call.document("offer", "sdp", SDP, offer)
        document = find_metadata(parts)
        if document is not None:
            call.document("metadata", "xml", "application/rs-metadata+xml", document)

    def _report(self, plan: OfferPlan, metadata: Metadata | None) -> None:
        for refusal in plan.refusals:
            if refusal.reason != "not-audio":
                self.server.problem(refusal.reason)
        if map_streams([stream.label for stream in plan.streams], metadata).unmatched:
            self.server.problem("label-unmatched")
        if self.dialog.flow.transport != "TLS" and any(each.crypto for each in plan.streams):
            self.server.problem("keys-in-clear")

    def _metadata(self, parts: Sequence[Part]) -> Metadata | None:
        """What the metadata says; the recording goes on without it when it cannot be read."""
        document = find_metadata(tuple(parts))
        if document is None or not document.strip():
            return None
        try:
            return parse_metadata(document)
        except SipError:
            self.server.problem("metadata-unreadable")
            return None

    def _name(self, call: RecordedCall, request: Request) -> None:
        call.external_ids.setdefault("sip_call_id", (request.headers.get("Call-ID") or "")[:256])
        call.external_ids |= load_vendor_keys().header_keys(request.headers)
        call.named = (Party(same_person((request.headers.get("From") or "")[:256])),)


def _parts(request: Request, *, strict: bool = True) -> tuple[Part, ...]:
    """Parts of the body, all of a type that we know; 415 otherwise."""
    coding = (request.headers.get("Content-Encoding") or "identity").strip().lower()
    if coding not in ("", "identity"):
        raise SipError(415, "a body without coding", "one with")
    parts = split_body(request.headers, request.body)
    if strict and parts and find_sdp(parts) is None and find_metadata(parts) is None:
        raise SipError(415, f"{SDP} or {sorted(METADATA)[0]}", "another type")
    return parts
