"""A call's journal, put in order: which samples of which record stand where, and what is missing.

Records are written as they come, so frames may be out of order, overlap or fill a declared gap. Here they are
sorted by position. Where two frames overlap, the one that begins earlier keeps the samples. What no frame
covers is a gap, with the cause that was declared for it. Samples that were masked after they had been written
(a card number that nobody asked for) are taken out here.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from koemori.audio.frames import GapCause, ms_to_samples
from koemori.audio.journal_format import RecordType, from_json
from koemori.audio.journal_records import JournalCall, PayloadReader
from koemori.audio.masked_spans import MaskedSpans
from koemori.audio.recording import MASKED_BEFORE
from koemori.server.archive.ledger import Ledger, channel_ledger
from koemori.server.archive.told import Told, read_told
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class MissingSpan:
    """Samples of a channel that are silence in the master."""

    start_sample: int
    sample_count: int
    cause: GapCause


@dataclass(frozen=True, slots=True)
class Pieces:
    """Runs of samples in order, one row each: parallel columns, int64, shape `(n,)`."""

    start_sample: NDArray[np.int64]
    sample_count: NDArray[np.int64]
    skip_samples: NDArray[np.int64]
    """Samples of the record's payload that belong to an earlier piece."""
    extent: NDArray[np.int64]
    offset: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ChannelTimeline:
    """One channel of the master."""

    index: int
    role: str
    pieces: Pieces
    missing: tuple[MissingSpan, ...]
    captured_samples: int
    late_samples: int
    overlapped_samples: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """All channels over the same `sample_count` samples."""

    sample_rate_hz: int
    sample_count: int
    channels: tuple[ChannelTimeline, ...]
    told: Told

    def ledger(self) -> Ledger:
        """Account for every sample."""
        return Ledger(
            tuple(
                channel_ledger(channel.index, channel.role, _samples_by_cause(channel), self.sample_rate_hz)
                for channel in self.channels
            )
        )


@dataclass(slots=True)
class _Columns:
    start: array[int] = field(default_factory=lambda: array("q"))
    count: array[int] = field(default_factory=lambda: array("q"))
    late: array[int] = field(default_factory=lambda: array("b"))
    extent: array[int] = field(default_factory=lambda: array("q"))
    offset: array[int] = field(default_factory=lambda: array("q"))
    declared: list[MissingSpan] = field(default_factory=list)
    masked: MaskedSpans = field(default_factory=MaskedSpans)

    def end_sample(self) -> int:
        audio = max((s + c for s, c in zip(self.start, self.count, strict=True)), default=0)
        return max([audio, *(gap.start_sample + gap.sample_count for gap in self.declared)])


def build_timeline(call: JournalCall) -> Timeline:
    """Read a call's records once, checking its chain, and put them in order.

    Raises:
        JournalError: The journal's bytes do not fit the call's chain.
    """
    started = call.started
    rate = started.sample_rate_hz
    columns = {channel.index: _Columns() for channel in started.channels}
    markers = []
    for extent, offset, record in call.records():
        header = record.header
        if header.type is RecordType.AUDIO:
            column = columns[header.channel]
            column.start.append(header.first_sample)
            column.count.append(len(record.payload) // 2)
            column.late.append(header.late)
            column.extent.append(extent)
            column.offset.append(offset)
            if header.scrubbed:
                column.masked.add(header.first_sample, header.first_sample + len(record.payload) // 2)
        elif header.type is RecordType.GAP:
            body = from_json(record.payload)
            columns[header.channel].declared.append(
                MissingSpan(header.first_sample, int(body["sample_count"]), GapCause(body["cause"]))
            )
        elif header.type is RecordType.MARKER:
            markers.append(from_json(record.payload))
    total = max([0, *(column.end_sample() for column in columns.values()), *call.cut_samples.values()])
    cut_off = call.ended is None or call.ended.reason == "recovered"
    if call.ended is not None and not cut_off:
        total = max(total, ms_to_samples(call.ended.end_ms, rate))
    told = read_told(markers)
    for body in markers:
        _mask(columns, body)
    roles = {channel.index: told.roles.get(channel.index, channel.role.value) for channel in started.channels}
    return Timeline(
        rate,
        total,
        tuple(
            _order(index, role, columns[index], total, cut_off=cut_off)
            for index, role in sorted(roles.items())
        ),
        told,
    )


def _mask(columns: Mapping[int, _Columns], body: Mapping[str, Any]) -> None:
    """Take over a marker that says which samples must not be kept."""
    if body.get("kind") == MASKED_BEFORE and body.get("channel") in columns:
        start = int(body["start_sample"])
        columns[body["channel"]].masked.add(start, start + int(body["sample_count"]))


def pcm_blocks(call: JournalCall, timeline: Timeline, block_samples: int) -> Iterator[NDArray[np.int16]]:
    """Yield the master's samples in order, shape `(n, channels)`, silence where a channel has a gap."""
    with PayloadReader(call) as payloads:
        cursors = [0] * len(timeline.channels)
        for begin in range(0, timeline.sample_count, block_samples):
            end = min(begin + block_samples, timeline.sample_count)
            block = np.zeros((end - begin, len(timeline.channels)), dtype=np.int16)
            for column, channel in enumerate(timeline.channels):
                cursors[column] = _fill(
                    block[:, column], begin, end, channel.pieces, cursors[column], payloads
                )
            yield block


def _fill(
    into: NDArray[np.int16], begin: int, end: int, pieces: Pieces, cursor: int, payloads: PayloadReader
) -> int:
    """Copy what lies in [begin, end) and return the first piece that reaches beyond it."""
    while cursor < len(pieces.start_sample) and pieces.start_sample[cursor] < end:
        start, count = int(pieces.start_sample[cursor]), int(pieces.sample_count[cursor])
        payload = payloads.read(int(pieces.extent[cursor]), int(pieces.offset[cursor]))
        skip = int(pieces.skip_samples[cursor])
        samples = np.frombuffer(payload, dtype="<i2")[skip : skip + count]
        low, high = max(start, begin), min(start + count, end)
        into[low - begin : high - begin] = samples[low - start : high - start]
        if start + count > end:
            break
        cursor += 1
    return cursor


def _order(index: int, role: str, columns: _Columns, total: int, *, cut_off: bool) -> ChannelTimeline:
    start = np.frombuffer(columns.start, dtype=np.int64) if columns.start else np.zeros(0, np.int64)
    count = np.frombuffer(columns.count, dtype=np.int64) if columns.count else np.zeros(0, np.int64)
    late = np.frombuffer(columns.late, dtype=np.int8) if columns.late else np.zeros(0, np.int8)
    extent = np.frombuffer(columns.extent, dtype=np.int64) if columns.extent else np.zeros(0, np.int64)
    offset = np.frombuffer(columns.offset, dtype=np.int64) if columns.offset else np.zeros(0, np.int64)
    order = np.argsort(start, kind="stable")
    start, count = start[order], count[order]
    reached = np.concatenate(([0], np.maximum.accumulate(start + count)))[:-1] if len(start) else start
    skip = np.clip(reached - start, 0, count)
    kept = count - skip
    rows = np.stack((start + skip, kept, skip, extent[order], offset[order], late[order].astype(np.int64)))
    rows = _unmasked(rows[:, kept > 0], columns)
    pieces = Pieces(*rows[:5])
    late_samples = int(rows[1][rows[5] != 0].sum())
    captured = int(rows[1].sum()) - late_samples
    missing = _missing(pieces, columns, total, cut_off=cut_off)
    return ChannelTimeline(index, role, pieces, missing, captured, late_samples, int(skip.sum()))


def _unmasked(rows: NDArray[np.int64], columns: _Columns) -> NDArray[np.int64]:
    """Cut what is masked out of pieces, shape `(6, n)`: start, count, skip, and what goes with them.

    What is cut is declared `masked`; a place in between that was never covered keeps its cause.
    """
    starts, ends = rows[0], rows[0] + rows[1]
    cut = [columns.masked.within(int(begin), int(end)) for begin, end in zip(starts, ends, strict=True)]
    if not any(cut):
        return rows
    kept: list[NDArray[np.int64]] = []
    for row, masked in zip(rows.T, cut, strict=True):
        at, end = int(row[0]), int(row[0] + row[1])
        for begin, stop in [*masked, (end, end)]:
            if begin > at:
                kept.append(np.array([at, begin - at, row[2] + at - row[0], *row[3:]]))
            if stop > begin:
                columns.declared.append(MissingSpan(begin, stop - begin, GapCause.MASKED))
            at = stop
    return np.stack(kept, axis=1) if kept else rows[:, :0]


def _missing(pieces: Pieces, columns: _Columns, total: int, *, cut_off: bool) -> tuple[MissingSpan, ...]:
    """Return what no piece covers, split by declared cause.

    Undeclared samples are lost; after a channel's last record in a call that was cut off, they fell to the
    crash. A declared `late` that never came is lost.
    """
    known_end = columns.end_sample()
    declared = sorted(columns.declared, key=lambda gap: gap.start_sample)
    spans: list[MissingSpan] = []
    next_declared = 0
    for begin, end in _holes(pieces, total):
        position = begin
        while next_declared < len(declared) and _end(declared[next_declared]) <= begin:
            next_declared += 1
        for gap in declared[next_declared:]:
            if gap.start_sample >= end:
                break
            low, high = max(position, gap.start_sample), min(end, _end(gap))
            if low >= high:
                continue
            _add(spans, position, low, GapCause.LOST)
            _add(spans, low, high, GapCause.LOST if gap.cause is GapCause.LATE else gap.cause)
            position = high
        if cut_off and end > known_end:
            _add(spans, position, max(position, known_end), GapCause.LOST)
            _add(spans, max(position, known_end), end, GapCause.CRASH)
        else:
            _add(spans, position, end, GapCause.LOST)
    return tuple(spans)


def _holes(pieces: Pieces, total: int) -> list[tuple[int, int]]:
    begins = np.concatenate(([0], pieces.start_sample + pieces.sample_count))
    ends = np.concatenate((pieces.start_sample, [total]))
    open_holes = ends > begins
    return list(zip(begins[open_holes].tolist(), ends[open_holes].tolist(), strict=True))


def _end(span: MissingSpan) -> int:
    return span.start_sample + span.sample_count


def _add(spans: list[MissingSpan], begin: int, end: int, cause: GapCause) -> None:
    """Append a span; it grows the last one when it goes on with the same cause."""
    if begin >= end:
        return
    if spans and _end(spans[-1]) == begin and spans[-1].cause is cause:
        begin = spans.pop().start_sample
    spans.append(MissingSpan(begin, end - begin, cause))


def _samples_by_cause(channel: ChannelTimeline) -> dict[str, int]:
    counts = {"captured": channel.captured_samples, "late": channel.late_samples}
    for span in channel.missing:
        counts[span.cause.value] = counts.get(span.cause.value, 0) + span.sample_count
    return counts
