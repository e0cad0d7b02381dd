"""A browser's or softphone's audio over WebRTC, offered by WHIP (RFC 9725); the only importer of aiortc.

One peer connection is one call, each of its audio tracks one channel, in the order of the offer. aiortc puts
packets in order (it holds a missing one for some 80 ms), decrypts and decodes; here its frames are placed
by their RTP time: a jump ahead is a `lost` gap, what would lie before the end goes on at the end. A
packet that aiortc gives up is not told apart from one that never came.

The call begins with the first audio, not with the offer: a connection that never carries any is no call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame as DecodedFrame
from av import AudioResampler
from koemori.audio.call import CallEnded, CallStarted, Channel, ChannelRole, LegId
from koemori.audio.errors import OfferError
from koemori.audio.frames import AudioFrame, Gap, GapCause, SourceEvent, samples_to_ms
from koemori.audio.ids import new_call_id
from koemori.audio.signals import CallUpdated, UpdateKind

logger = logging.getLogger(__name__)

SAMPLE_RATE_HZ = 16_000
MAX_OFFER_BYTES = 64 * 1024
MAX_TRACKS = 2
_MOST_WAITING = 500
"""Frames of all tracks that may wait to be recorded: some five seconds of both sides."""
_ENDED = frozenset({"failed", "closed"})


@dataclass(frozen=True, slots=True)
class WebRtcLimits:
    """How long a connection may take and be silent.

    Attributes:
        connect_s: From the answer to the first audio.
        silence_s: Without a packet on any track; then the call is taken for dead.
    """

    connect_s: float = 20.0
    silence_s: float = 30.0


@dataclass(frozen=True, slots=True)
class CallerFacts:
    """What the one who offers the call is known to be.

    Attributes:
        roles: Of the tracks, in the order of the offer; `unknown` for those beyond.
        agent_id: User name.
        customer_number: As dialled or shown.
        queue: Name.
        external_ids: Other names of the call.
    """

    roles: tuple[ChannelRole, ...]
    agent_id: str | None = None
    customer_number: str | None = field(default=None, repr=False)
    queue: str | None = None
    external_ids: dict[str, str] = field(default_factory=dict)


class WebRtcCall:
    """A `CallSource` over one peer connection. Make one with `answer`, iterate `events` once.

    Attributes:
        answer_sdp: What the peer is to be told.
    """

    def __init__(self, peer: RTCPeerConnection, facts: CallerFacts, limits: WebRtcLimits) -> None:
        self.answer_sdp = ""
        self._peer = peer
        self._facts = facts
        self._limits = limits
        self._held = False
        self._tracks: list[MediaStreamTrack] = []
        self._frames: asyncio.Queue[tuple[int, DecodedFrame]] = asyncio.Queue(_MOST_WAITING)
        self._stopped: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @classmethod
    async def answer(
        cls, offer_sdp: str, facts: CallerFacts, limits: WebRtcLimits | None = None
    ) -> WebRtcCall:
        """Take an offer.

        Raises:
            OfferError: It is no offer of one or two audio tracks that the peer sends.
        """
        if len(offer_sdp.encode("utf-8", "replace")) > MAX_OFFER_BYTES:
            raise OfferError(f"at most {MAX_OFFER_BYTES} bytes", "more")
        # No STUN: a recorder is reached at its own addresses, and a lookup would stall an air-gapped host.
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        call = cls(peer, facts, limits or WebRtcLimits())
        try:
            await call._negotiate(offer_sdp)
        except BaseException:
            await peer.close()
            raise
        return call

    async def _negotiate(self, offer_sdp: str) -> None:
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(offer_sdp, "offer"))
        except Exception as error:  # aiortc raises whatever its parser stumbles over
            raise OfferError("a session description that can be used", type(error).__name__) from None
        transceivers = self._peer.getTransceivers()
        kinds = [transceiver.kind for transceiver in transceivers]
        if not 1 <= len(kinds) <= MAX_TRACKS or set(kinds) != {"audio"}:
            came = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds))) or "none"
            raise OfferError(f"1 to {MAX_TRACKS} audio tracks and nothing else", came)
        for transceiver in transceivers:
            transceiver.direction = "recvonly"
        self._tracks = [transceiver.receiver.track for transceiver in transceivers]
        self._peer.on("connectionstatechange", self._watch)
        await self._peer.setLocalDescription(await self._peer.createAnswer())
        self.answer_sdp = self._peer.localDescription.sdp

    def _watch(self) -> None:
        if self._peer.connectionState in _ENDED:
            self.stop("disconnected")

    def stop(self, reason: str) -> None:
        """End the call from our side, after what has been received."""
        if not self._stopped.done():
            self._stopped.set_result(reason)

    def hold(self, held: bool) -> None:
        """Keep the audio out from now on (`paused` gaps in its place), or take it again."""
        self._held = held

    async def events(self) -> AsyncIterator[SourceEvent]:
        """The call's events; none when no audio ever came."""
        readers = [
            asyncio.create_task(self._read(index, track), name=f"webrtc-track-{index}")
            for index, track in enumerate(self._tracks)
        ]
        ended: CallEnded | None = None
        try:
            first = await self._next(self._limits.connect_s)
            if isinstance(first, str):
                return
            began_s = asyncio.get_running_loop().time()
            started = self._started()
            tracks = [PlacedTrack(channel) for channel in started.channels]
            yield started
            came: tuple[int, DecodedFrame] | str = first
            held = False
            while not isinstance(came, str):
                index, decoded = came
                if held != self._held:
                    held = self._held
                    at_ms = samples_to_ms(max(track.position for track in tracks), SAMPLE_RATE_HZ)
                    kind = UpdateKind.HELD if held else UpdateKind.RESUMED
                    yield CallUpdated(started.call_id, at_ms, kind)
                elapsed_s = asyncio.get_running_loop().time() - began_s
                for event in tracks[index].push(decoded, round(elapsed_s * SAMPLE_RATE_HZ), held=held):
                    yield event
                came = await self._next(self._limits.silence_s)
            end = max(track.position for track in tracks)
            for track in tracks:
                for event in track.finish(end):
                    yield event
            ended = CallEnded(started.call_id, samples_to_ms(end, SAMPLE_RATE_HZ), came)
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.wait(readers)
            await self._peer.close()
        # Last, for who reads it asks for nothing more: the peer must not wait for that to be noticed.
        yield ended

    def _started(self) -> CallStarted:
        now = datetime.now(UTC)
        call_id = new_call_id(now)
        roles = [*self._facts.roles, *[ChannelRole.UNKNOWN] * MAX_TRACKS]
        legs = [LegId(f"track-{index}") for index in range(len(self._tracks))]
        channels = tuple(Channel(call_id, leg, index, roles[index], "whip") for index, leg in enumerate(legs))
        facts = self._facts
        return CallStarted(
            call_id,
            now,
            SAMPLE_RATE_HZ,
            channels,
            facts.external_ids,
            facts.agent_id,
            facts.customer_number,
            facts.queue,
        )

    async def _read(self, index: int, track: MediaStreamTrack) -> None:
        """Bring a track's frames; when the last track has ended, so has the call."""
        with suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if isinstance(frame, DecodedFrame):
                    await self._frames.put((index, frame))
        if all(one.readyState == "ended" for one in self._tracks):
            self.stop("disconnected")

    async def _next(self, patience_s: float) -> tuple[int, DecodedFrame] | str:
        """The next frame, or the reason why there is none; frames that came go first."""
        if not self._frames.empty():
            return self._frames.get_nowait()
        getting = asyncio.ensure_future(self._frames.get())
        try:
            await asyncio.wait(
                (getting, self._stopped), timeout=patience_s, return_when=asyncio.FIRST_COMPLETED
            )
            if getting.done():
                return getting.result()
            return self._stopped.result() if self._stopped.done() else "idle"
        finally:
            getting.cancel()


class PlacedTrack:
    """Decoded frames of one track → frames and gaps at the call's rate, placed by RTP time.

    Attributes:
        position: Where the next sample goes.
    """

    def __init__(self, channel: Channel) -> None:
        self.position = 0
        self._channel = channel
        self._resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
        self._next_pts: int | None = None

    def push(
        self, decoded: DecodedFrame, arrived_sample: int, *, held: bool = False
    ) -> list[AudioFrame | Gap]:
        """Place a frame; the first one of a track goes where it arrived.

        Args:
            decoded: As aiortc gives it; `pts` counts samples at its own rate.
            arrived_sample: When it arrived, in samples of the call since its first audio.
            held: Put a `paused` gap in its place.
        """
        rate_hz, pts = decoded.sample_rate, decoded.pts or 0
        duration = samples_at(decoded.samples, rate_hz)
        if self._next_pts is None:
            missing = max(0, arrived_sample - duration)
        else:
            missing = samples_at(pts - self._next_pts, rate_hz)
        # A jump of minutes is a sender that counts anew, unless the clock on the wall agrees.
        if missing > max(0, arrived_sample - self.position) + SAMPLE_RATE_HZ:
            missing = 0
        self._next_pts = pts + decoded.samples
        events: list[AudioFrame | Gap] = []
        if missing > 0:
            events += self._rest()
            events.append(self._gap(missing, GapCause.LOST))
        if held:
            return [*events, *self._rest(), self._gap(duration, GapCause.PAUSED)]
        decoded.pts = None  # the resampler would fill or cut by it
        for piece in self._resampler.resample(decoded):
            events += self._frame(piece)
        return events

    def finish(self, end_sample: int) -> list[AudioFrame | Gap]:
        """What the resampler still holds, and the gap up to the end of the call."""
        events = self._rest()
        if end_sample > self.position:
            events.append(self._gap(end_sample - self.position, GapCause.LOST))
        return events

    def _rest(self) -> list[AudioFrame | Gap]:
        events: list[AudioFrame | Gap] = []
        if self._next_pts is not None:
            for piece in self._resampler.resample(None):
                events += self._frame(piece)
            self._resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
        return events

    def _frame(self, piece: DecodedFrame) -> list[AudioFrame | Gap]:
        samples = np.ascontiguousarray(piece.to_ndarray().reshape(-1), dtype=np.int16)
        if not len(samples):
            return []
        samples.setflags(write=False)
        frame = AudioFrame(self._channel, self.position, SAMPLE_RATE_HZ, samples)
        self.position += len(samples)
        return [frame]

    def _gap(self, sample_count: int, cause: GapCause) -> Gap:
        gap = Gap(self._channel, self.position, sample_count, cause, SAMPLE_RATE_HZ)
        self.position += sample_count
        return gap


def samples_at(count: int, rate_hz: int) -> int:
    """Samples of the call's rate in `count` samples at `rate_hz`."""
    return round(count * SAMPLE_RATE_HZ / rate_hz)
