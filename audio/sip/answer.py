"""Answer a recording client's offer: which of its streams we take, in which codec, under which key.

We only ever receive. The direction follows the offer at hand, never an earlier one; our ports stay.

Source: RFC 3264 §6; RFC 7866 §7.1; RFC 4568 §5.1.2 (tag and suite of the answer); RFC 8643 (keys on RTP/AVP).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from koemori.audio.errors import SipError
from koemori.audio.sip.sdp import Codec, Crypto, Direction, MediaLine, SessionDescription

SPEECH_CODECS = ("PCMU", "PCMA", "G722", "OPUS", "L16")
"""What can be decoded, and the order in which we offer when we must."""
_BESIDE_SPEECH = ("TELEPHONE-EVENT", "CN")
SUITE_KEY_BYTES = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
}
"""SRTP suites → bytes of key and salt."""
_PLAIN = frozenset({"RTP/AVP", "RTP/AVPF"})
_SECURE = frozenset({"RTP/SAVP", "RTP/SAVPF"})


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """What we take.

    Attributes:
        codecs: Names in capitals; the sender's order decides among them.
        suites: SRTP suites.
        require_srtp: Refuse streams without keys.
        max_streams: Audio lines of one session; more are refused by port 0.
    """

    codecs: tuple[str, ...] = SPEECH_CODECS
    suites: tuple[str, ...] = tuple(SUITE_KEY_BYTES)
    require_srtp: bool = False
    max_streams: int = 8


@dataclass(frozen=True, slots=True)
class Stream:
    """One audio line that we take.

    Attributes:
        line: Its index among the media lines.
        label: Of the offer.
        speech: The codec that was agreed.
        payload_types: Everything that may come on it: the codec, telephone events, comfort noise.
        held: The sender says that nothing comes for now.
        address: Where RTCP goes; None when not said.
        rtcp_port: The same.
        rtcp_mux: RTP and RTCP on one port.
        crypto: The sender's key; None when plain.
    """

    line: int
    label: str | None
    speech: Codec
    payload_types: tuple[Codec, ...]
    held: bool
    address: str | None = field(default=None, repr=False)
    rtcp_port: int | None = None
    rtcp_mux: bool = False
    crypto: Crypto | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """One line not taken: `codec-not-agreed`, `srtp-not-agreed`, `not-audio`, `too-many-streams`."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class OfferPlan:
    """What an offer comes to before ports are known."""

    offer: SessionDescription = field(repr=False)
    streams: tuple[Stream, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class LocalStream:
    """Our end of a stream: the port that is bound, and our key where the stream has one."""

    port: int
    key: str | None = field(default=None, repr=False)


def plan_answer(offer: SessionDescription, policy: AnswerPolicy) -> OfferPlan:
    """Choose per media line.

    Raises:
        SipError: 488: not one stream can be taken though some were offered.
    """
    streams: list[Stream] = []
    refusals: list[Refusal] = []
    for index, line in enumerate(offer.media):
        if line.port == 0:
            continue
        chosen = _stream(index, line, policy)
        if isinstance(chosen, Stream) and len(streams) == policy.max_streams:
            chosen = Refusal(index, "too-many-streams")
        if isinstance(chosen, Stream):
            streams.append(chosen)
        else:
            refusals.append(chosen)
    if not streams and refusals:
        reasons = sorted({refusal.reason for refusal in refusals})
        raise SipError(488, f"an audio stream in one of {', '.join(policy.codecs)}", ", ".join(reasons))
    return OfferPlan(offer, tuple(streams), tuple(refusals))


def write_answer(
    plan: OfferPlan, locals_: Sequence[LocalStream], host: str, session_id: int, version: int
) -> SessionDescription:
    """The answer, with one line for each of the offer's.

    Args:
        plan: What was chosen.
        locals_: Our ends, in the order of `plan.streams`.
        host: The address that media is to be sent to.
        session_id: Of our description; the same through the call.
        version: Of our description; one more each time it changes.
    """
    taken = {stream.line: (stream, local) for stream, local in zip(plan.streams, locals_, strict=True)}
    media = []
    for index, line in enumerate(plan.offer.media):
        if index in taken:
            media.append(_answered(line, *taken[index], host))
        else:
            formats = line.formats[:1] or ("0",)
            media.append(MediaLine(line.kind, 0, line.protocol, formats, host))
    return SessionDescription(_origin(session_id, version, host), tuple(media), "koemori", host)


def write_offer(local: LocalStream, policy: AnswerPolicy, host: str, session_id: int) -> SessionDescription:
    """Our own offer, for an INVITE that brings none: one stream, receive only, in the static codecs."""
    static = {"PCMU": Codec(0, "PCMU", 8000), "PCMA": Codec(8, "PCMA", 8000), "G722": Codec(9, "G722", 8000)}
    codecs = [static[name] for name in policy.codecs if name in static]
    codecs.append(Codec(101, "TELEPHONE-EVENT", 8000, parameters="0-15"))
    formats = tuple(str(codec.number) for codec in codecs)
    line = MediaLine(
        "audio", local.port, "RTP/AVP", formats, host, Direction.RECVONLY, None, tuple(_spelled(codecs))
    )
    return SessionDescription(_origin(session_id, 0, host), (line,), "koemori", host)


def offer_again(answer: SessionDescription, host: str, session_id: int, version: int) -> SessionDescription:
    """What holds as an offer of ours, with nothing held on our side (RFC 3261 §14.2, RFC 6337 §5.3)."""
    media = tuple(
        replace(line, direction=Direction.RECVONLY) if line.direction is Direction.INACTIVE else line
        for line in answer.media
    )
    return replace(answer, origin=_origin(session_id, version, host), media=media)


def _origin(session_id: int, version: int, host: str) -> str:
    return f"koemori {session_id} {version} IN {'IP6' if ':' in host else 'IP4'} {host}"


def _stream(index: int, line: MediaLine, policy: AnswerPolicy) -> Stream | Refusal:
    if line.kind != "audio":
        return Refusal(index, "not-audio")
    speech = next((codec for codec in line.codecs if _decodable(codec, policy)), None)
    if speech is None:
        return Refusal(index, "codec-not-agreed")
    crypto = next((each for each in line.cryptos if each.suite in policy.suites), None)
    secure = line.protocol in _SECURE
    if (not secure and line.protocol not in _PLAIN) or (crypto is None and (secure or policy.require_srtp)):
        return Refusal(index, "srtp-not-agreed")
    beside = tuple(codec for codec in line.codecs if codec.name in _BESIDE_SPEECH)
    return Stream(
        line=index,
        label=line.label,
        speech=speech,
        payload_types=(speech, *beside),
        held=line.held,
        address=line.address,
        rtcp_port=line.rtcp_port or (line.port if line.rtcp_mux else min(line.port + 1, 65_535)),
        rtcp_mux=line.rtcp_mux,
        crypto=crypto,
    )


def _decodable(codec: Codec, policy: AnswerPolicy) -> bool:
    clocks = {"PCMU": 8000, "PCMA": 8000, "G722": 8000, "OPUS": 48_000}
    if codec.name not in policy.codecs:
        return False
    if codec.name == "L16":
        return codec.channels == 1 and codec.clock_hz in (8000, 16_000)
    return codec.clock_hz == clocks.get(codec.name) and (codec.name == "OPUS" or codec.channels == 1)


def _answered(line: MediaLine, stream: Stream, local: LocalStream, host: str) -> MediaLine:
    idle = line.direction in (Direction.INACTIVE, Direction.RECVONLY)
    crypto = stream.crypto
    return MediaLine(
        kind="audio",
        port=local.port,
        protocol=line.protocol,
        formats=tuple(str(codec.number) for codec in stream.payload_types),
        address=host,
        direction=Direction.INACTIVE if idle else Direction.RECVONLY,
        label=line.label,
        codecs=tuple(_spelled(stream.payload_types)),
        rtcp_mux=stream.rtcp_mux,
        cryptos=() if crypto is None or local.key is None else (replace(crypto, key=local.key),),
    )


def _spelled(codecs: Sequence[Codec]) -> list[Codec]:
    """Names as RFC 3551 and RFC 7587 write them: some clients compare letter by letter."""
    usual = {"OPUS": "opus", "TELEPHONE-EVENT": "telephone-event"}
    return [replace(codec, name=usual.get(codec.name, codec.name)) for codec in codecs]
