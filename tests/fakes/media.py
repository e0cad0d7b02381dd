"""Media messages of the Twilio family, and a way to put a stream's frames back together."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from koemori.audio.call import CallStarted
from koemori.audio.frames import AudioFrame, Gap, SourceEvent
from numpy.typing import NDArray

CHUNK_SAMPLES = 160


def start(*tracks: str, parameters: dict[str, Any] | None = None, **media_format: Any) -> str:
    """A start message; both tracks unless named."""
    shape = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1, **media_format}
    body = {
        "streamSid": "MZ1",
        "accountSid": "AC1",
        "callSid": "CA1",
        "tracks": list(tracks) or ["inbound", "outbound"],
        "mediaFormat": shape,
        "customParameters": parameters or {},
    }
    return json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": body})


def payload(track: str, number: int, size: int = CHUNK_SAMPLES) -> bytes:
    """µ-law bytes that tell which chunk of which track they are."""
    seed = number * 2 + (track == "outbound")
    return bytes((seed * 7 + step * (seed % 5 + 1)) % 251 for step in range(size))


def media(track: str, number: int, timestamp_ms: int | None = None, body: bytes | None = None) -> str:
    """A media message; chunk `number` (from 1) of 20 ms, with the timestamp it should have."""
    at_ms = (number - 1) * 20 if timestamp_ms is None else timestamp_ms
    content = payload(track, number) if body is None else body
    return json.dumps(
        {
            "event": "media",
            "streamSid": "MZ1",
            "media": {
                "track": track,
                "chunk": str(number),
                "timestamp": str(at_ms),
                "payload": base64.b64encode(content).decode(),
            },
        }
    )


STOP = json.dumps({"event": "stop", "streamSid": "MZ1", "stop": {"accountSid": "AC1", "callSid": "CA1"}})


def assemble(events: list[SourceEvent]) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Put all frames on their places: samples and "is there", both of shape `(channels, samples)`.

    Raises an assertion when frames or gaps overlap, but for late frames, which must lie in a gap.
    """
    started = next(event for event in events if isinstance(event, CallStarted))
    spans = [event for event in events if isinstance(event, AudioFrame | Gap)]
    end = max((span.end_sample for span in spans), default=0)
    samples = np.zeros((len(started.channels), end), dtype=np.int16)
    there = np.zeros((len(started.channels), end), dtype=np.bool_)
    told = np.zeros((len(started.channels), end), dtype=np.bool_)
    for span in spans:
        place = (span.channel.index, slice(span.start_sample, span.end_sample))
        if isinstance(span, AudioFrame):
            assert not there[place].any(), "two frames on one place"
            assert span.late == bool(told[place].any()), "only a late frame may stand in a gap"
            samples[place], there[place] = span.samples, True
        else:
            assert not told[place].any(), "a gap on a place that was told before"
        told[place] = True
    assert told.all(), "every sample is either there or in a gap"
    return samples, there
