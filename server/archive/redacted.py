"""A rendition of a recording without some stretches: for reuse, never as evidence.

The rendition is as long as the master, sample for sample: what holds personal data becomes a soft tone, what
nobody recognised becomes silence. The master is only read. Work is done block by block, so that an hour takes
no more memory than a minute.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from koemori.assist.redaction import UNHEARD, AudioSpan
from koemori.audio.frames import samples_to_ms
from koemori.server.archive.errors import ArchiveError, RenditionError
from koemori.server.archive.flac import decode_pcm, write_flac
from koemori.server.archive.manifest import DecodeError
from numpy.typing import NDArray

TONE_HZ: Final = 440
_TONE_LEVEL: Final = 0.02
"""Of full scale, −34 dB: heard, and never louder than a voice."""
_RAMP_MS: Final = 5
_UNSTATED_LENGTH: Final = 1 << 36
"""A FLAC cannot state so many samples; libsndfile says it of a master without any."""


@dataclass(frozen=True, slots=True)
class Rendition:
    """What was written.

    Attributes:
        pcm_sha256: Of the interleaved s16le samples.
        sample_count: Per channel; the master's.
        replaced_ms: Milliseconds replaced, by kind, summed over channels.
    """

    pcm_sha256: str
    sample_rate_hz: int
    channels: int
    sample_count: int
    replaced_ms: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Shape:
    rate_hz: int
    channels: int
    sample_count: int


@dataclass(frozen=True, slots=True)
class _Cut:
    """Samples [start, end) of a channel, and what comes there."""

    start: int
    end: int
    tone: bool


def write_redacted(master: Path, out: Path, spans: Sequence[AudioSpan]) -> Rendition:
    """Write a FLAC like `master` in which `spans` are not heard.

    Args:
        master: The recording's FLAC.
        out: Where the rendition goes.
        spans: Apart within a channel; what lies beyond the end is cut off.

    Raises:
        RenditionError: The master does not decode to its end, a span names a channel it has not, or the
            rendition cannot be written.
    """
    shape = _probe(master)
    cuts = _cuts(spans, shape)
    try:
        digest = write_flac(out, _blocks(master, shape, cuts), shape.rate_hz, shape.channels)
    except (ArchiveError, DecodeError) as error:
        raise RenditionError(f"expected to write a rendition; {error}") from error
    replaced = Counter[str]()
    for span in spans:
        end_ms = min(span.end_ms, samples_to_ms(shape.sample_count, shape.rate_hz))
        replaced[span.kind] += max(0, end_ms - span.start_ms)
    return Rendition(digest, shape.rate_hz, shape.channels, shape.sample_count, dict(replaced))


def _probe(master: Path) -> _Shape:
    try:
        info = soundfile.info(str(master))
    except (soundfile.LibsndfileError, OSError) as error:
        raise RenditionError(f"expected a readable master; got {type(error).__name__}") from error
    stated = info.frames < _UNSTATED_LENGTH
    return _Shape(info.samplerate, info.channels, info.frames if stated else 0)


def _cuts(spans: Sequence[AudioSpan], shape: _Shape) -> list[list[_Cut]]:
    total, rate_hz = shape.sample_count, shape.rate_hz
    cuts: list[list[_Cut]] = [[] for _ in range(shape.channels)]
    for span in sorted(spans, key=lambda span: (span.channel, span.start_ms)):
        if not 0 <= span.channel < shape.channels:
            raise RenditionError(f"expected a channel below {shape.channels}; got {span.channel}")
        start = min(span.start_ms * rate_hz // 1000, total)
        end = min(-(-span.end_ms * rate_hz // 1000), total)
        if cuts[span.channel] and start < cuts[span.channel][-1].end:
            start = cuts[span.channel][-1].end
        if start < end:
            cuts[span.channel].append(_Cut(start, end, span.kind != UNHEARD))
    return cuts


def _blocks(master: Path, shape: _Shape, cuts: Sequence[Sequence[_Cut]]) -> Iterator[NDArray[np.int16]]:
    begin = 0
    next_cut = [0] * shape.channels
    for pcm in decode_pcm(master):
        block = np.frombuffer(pcm, dtype="<i2").reshape(-1, shape.channels).astype(np.int16)
        end = begin + len(block)
        for channel, own in enumerate(cuts):
            while next_cut[channel] < len(own) and own[next_cut[channel]].start < end:
                cut = own[next_cut[channel]]
                low, high = max(begin, cut.start), min(end, cut.end)
                block[low - begin : high - begin, channel] = _filling(cut, low, high, shape.rate_hz)
                if cut.end > end:
                    break
                next_cut[channel] += 1
        yield block
        begin = end
    if begin != shape.sample_count:
        raise DecodeError(f"expected {shape.sample_count} samples; got {begin}")


def _filling(cut: _Cut, low: int, high: int, rate_hz: int) -> NDArray[np.int16]:
    """Samples [low, high) of what replaces a cut: silence, or a tone that swells and fades within it."""
    if not cut.tone:
        return np.zeros(high - low, np.int16)
    places = np.arange(low, high)
    ramp = max(1, rate_hz * _RAMP_MS // 1000)
    level = np.clip(np.minimum(places - cut.start, cut.end - 1 - places) / ramp, 0, 1)
    tone = np.sin(2 * np.pi * TONE_HZ / rate_hz * (places - cut.start))
    filled: NDArray[np.int16] = (32767 * _TONE_LEVEL * level * tone).astype(np.int16)
    return filled
