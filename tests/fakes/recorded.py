"""Calls to put into a journal: known samples, so that any loss or double shows."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from koemori.audio.call import CallEnded, CallId, CallStarted, Channel, ChannelRole, LegId
from koemori.audio.frames import AudioFrame, Gap, GapCause
from koemori.audio.ids import new_call_id
from numpy.typing import NDArray

RATE_HZ = 8000
FRAME = 160
ROLES = (ChannelRole.AGENT, ChannelRole.CUSTOMER)


def new_call(channels: int = 2, rate_hz: int = RATE_HZ) -> CallStarted:
    """A call with a fresh id."""
    call_id = new_call_id()
    return CallStarted(
        call_id,
        datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC),
        rate_hz,
        tuple(
            Channel(call_id, LegId(f"leg-{index}"), index, ROLES[index], "test") for index in range(channels)
        ),
        {"call_sid": "CA1"},
        agent_id="suzuki",
        customer_number="+81300000000",
        queue="support",
    )


def samples_of(index: int, start: int, count: int) -> NDArray[np.int16]:
    """Samples of a channel at a place; every place of every channel has its own value (up to 16 s)."""
    values = ((np.arange(start, start + count) * 2 + index) % 65_521 - 32_760).astype(np.int16)
    values.setflags(write=False)
    return values


def frame(call: CallStarted, index: int, start: int, count: int = FRAME, *, late: bool = False) -> AudioFrame:
    """A frame with the samples that belong to its place."""
    return AudioFrame(call.channels[index], start, call.sample_rate_hz, samples_of(index, start, count), late)


def gap(call: CallStarted, index: int, start: int, count: int, cause: GapCause = GapCause.LOST) -> Gap:
    """A gap of a channel."""
    return Gap(call.channels[index], start, count, cause, call.sample_rate_hz)


def steps(call: CallStarted, first: int, count: int) -> list[AudioFrame]:
    """`count` times 20 ms of all channels, from the `first`-th on."""
    return [
        frame(call, channel.index, step * FRAME)
        for step in range(first, first + count)
        for channel in call.channels
    ]


def ended(call_id: CallId, end_ms: int, reason: str = "completed") -> CallEnded:
    """The end of a call."""
    return CallEnded(call_id, end_ms, reason)
