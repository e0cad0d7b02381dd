"""A file as a live call: 20 ms frames of each channel, paced like a phone line or as fast as they are taken.

The schedule is absolute: frame k is due at start + its end time / speed, whatever the earlier ones did, so
that a slow consumer delays frames but never stretches the call. A phone line delivers a frame when its last
sample has been spoken, and so does this.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from koemori.audio.call import CallEnded, CallId, CallStarted, Channel, ChannelRole, LegId
from koemori.audio.errors import AudioFileError
from koemori.audio.files import AudioFileInfo, probe, read_blocks
from koemori.audio.frames import AudioFrame, SourceEvent, ms_to_samples, samples_to_ms
from koemori.audio.ids import new_call_id
from numpy.typing import NDArray

FRAME_MS = 20
_BLOCK_FRAMES = 50
_DEFAULT_ROLES = {1: (ChannelRole.UNKNOWN,), 2: (ChannelRole.AGENT, ChannelRole.CUSTOMER)}


class ReplaySource:
    """Plays one file as a call; `events` may be taken once.

    Attributes:
        call_id: The call's id, fixed from the start.
        info: What the file holds.
        started_monotonic: `time.monotonic()` at which sample 0 was due; None before the first event.
        error: Why the file broke off, when it did; the call then ends with reason `error:audio-file`.
    """

    def __init__(
        self,
        path: Path,
        roles: tuple[ChannelRole, ...] | None = None,
        speed: float | None = None,
        call_id: CallId | None = None,
    ) -> None:
        """Check the file.

        Args:
            path: A file that `koemori.audio.files.probe` accepts.
            roles: One role per channel in the file's order; agent and customer, or unknown for mono, when
                left out. The agent becomes channel 0 of the call in any case.
            speed: 1 paces like a phone line, N is N times as fast, None does not wait at all.
            call_id: A new one when left out.

        Raises:
            AudioFileError: The file cannot be played, or `roles` do not fit its channels.
        """
        self.info: AudioFileInfo = probe(path)
        self._path = path
        self._roles = roles or _DEFAULT_ROLES[self.info.channels]
        if len(self._roles) != self.info.channels:
            raise AudioFileError(
                path.name, f"{len(self._roles)} channels for the roles given", f"{self.info.channels}"
            )
        if speed is not None and not 0 < speed < float("inf"):
            raise ValueError(f"expected a speed above 0; got {speed}")
        self._speed = speed
        self.call_id = call_id or new_call_id()
        self.started_monotonic: float | None = None
        self.error: AudioFileError | None = None

    async def events(self) -> AsyncIterator[SourceEvent]:
        """Yield the call: started, frames in order (channel 0 first at each step), ended."""
        file_columns, channels = self._channels()
        rate = self.info.sample_rate_hz
        position = 0
        self.started_monotonic = time.monotonic()
        yield CallStarted(
            self.call_id, datetime.now(UTC), rate, channels, external_ids={"file": self._path.name}
        )
        blocks = self._frames()
        while (block := self._next(blocks)) is not None:
            await self._wait_for((position + len(block)) / rate)
            for channel, column in zip(channels, file_columns, strict=True):
                samples = np.ascontiguousarray(block[:, column])
                samples.setflags(write=False)
                yield AudioFrame(channel, position, rate, samples)
            position += len(block)
        reason = "completed" if self.error is None else f"error:{self.error.code}"
        yield CallEnded(self.call_id, samples_to_ms(position, rate), reason)

    def _channels(self) -> tuple[tuple[int, ...], tuple[Channel, ...]]:
        """Return the file's column of each channel, and the channels; the agent comes first."""
        order = sorted(
            range(len(self._roles)), key=lambda column: self._roles[column] is not ChannelRole.AGENT
        )
        channels = tuple(
            Channel(self.call_id, LegId(f"file-{column}"), index, self._roles[column], "replay")
            for index, column in enumerate(order)
        )
        return tuple(order), channels

    def _frames(self) -> Iterator[NDArray[np.int16]]:
        frame_samples = ms_to_samples(FRAME_MS, self.info.sample_rate_hz)
        for block in read_blocks(self._path, frame_samples * _BLOCK_FRAMES):
            for start in range(0, len(block), frame_samples):
                yield block[start : start + frame_samples]

    def _next(self, frames: Iterator[NDArray[np.int16]]) -> NDArray[np.int16] | None:
        try:
            return next(frames, None)
        except AudioFileError as error:
            self.error = error
            return None

    async def _wait_for(self, end_s: float) -> None:
        if self._speed is None or self.started_monotonic is None:
            await asyncio.sleep(0)
            return
        await asyncio.sleep(max(0.0, self.started_monotonic + end_s / self._speed - time.monotonic()))
