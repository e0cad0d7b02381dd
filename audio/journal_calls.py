"""What the journal's writer knows of each call, and the records that wait to be written."""

from __future__ import annotations

import time
from array import array
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from koemori.audio.call import CallEnded
from koemori.audio.journal_format import (
    OpenFacts,
    PayloadCipher,
    RecordType,
    from_json,
    parse_close,
    to_json,
)
from koemori.audio.journal_records import Extent, JournalCall
from koemori.audio.recording import JournalHead


@dataclass(frozen=True, slots=True)
class JournalAlarm:
    """Something an operator must hear of.

    `code` is one of `journal-write-failed`, `journal-no-file`, `journal-overflow`, `journal-slow` (records
    were durable later than promised), `journal-scrub-failed` (masked samples stay in the journal until it is
    deleted) and `journal-writer-failed`.
    """

    code: str
    facts: Mapping[str, int | str]


@dataclass(slots=True, eq=False)
class CallState:
    """What the writer knows of one call."""

    call_id: bytes
    facts: OpenFacts
    cipher: PayloadCipher
    seq: int = 0
    chain: bytes = b""
    ends: dict[int, int] = field(default_factory=dict)
    ended: CallEnded | None = None
    extents: list[Extent] = field(default_factory=list)
    first_time: tuple[int, int] = (0, 0)
    """(wall, monotonic) nanoseconds of the first durable record."""
    last_time: tuple[int, int] = (0, 0)
    durable_seq: int = 0
    durable_chain: bytes = b""
    breaks: Mapping[int, bytes] = field(default_factory=dict)
    cut_samples: Mapping[int, int] = field(default_factory=dict)
    unlinked_records: int = 0

    @classmethod
    def resume(cls, raw_id: bytes, call: JournalCall, cipher: PayloadCipher) -> CallState:
        """Continue the chain of a call that an earlier process began."""
        return cls(
            raw_id,
            call.facts,
            cipher,
            seq=call.next_seq,
            chain=call.head.chain,
            ends=dict(call.head.samples),
            ended=call.ended,
            extents=[Extent(extent.path, array("I", extent.offsets)) for extent in call.extents],
            first_time=(call.first_wall_ns, call.first_monotonic_ns),
            last_time=(call.last_wall_ns, call.last_monotonic_ns),
            durable_seq=call.head.record_count,
            durable_chain=call.head.chain,
            breaks=call.breaks,
            cut_samples=call.cut_samples,
            unlinked_records=call.unlinked_records,
        )

    def head(self) -> JournalHead:
        """Return the head over all durable records."""
        return JournalHead(
            self.facts.started.call_id,
            self.facts.part,
            self.durable_seq,
            self.durable_chain,
            dict(self.ends),
        )

    def snapshot(self) -> JournalCall:
        """Return the call over all durable records."""
        return JournalCall(
            facts=self.facts,
            head=self.head(),
            ended=self.ended,
            extents=tuple(Extent(extent.path, extent.offsets[:]) for extent in self.extents),
            first_wall_ns=self.first_time[0],
            last_wall_ns=self.last_time[0],
            first_monotonic_ns=self.first_time[1],
            last_monotonic_ns=self.last_time[1],
            next_seq=self.seq,
            breaks=self.breaks,
            cut_samples=self.cut_samples,
            unlinked_records=self.unlinked_records,
            released=False,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A record waiting to be written; without a state's chain when it is the note of a release."""

    state: CallState
    kind: RecordType
    channel: int
    flags: int
    first_sample: int
    payload: bytes
    monotonic_ns: int
    wall_ns: int
    future: Future[JournalHead] | None = None
    is_release: bool = False

    @classmethod
    def released(cls, state: CallState) -> Entry:
        """Make the note that a call's sealed recording has taken the journal's place."""
        payload = to_json(
            {
                "kind": "released",
                "call_id": state.facts.started.call_id,
                "recording_id": state.facts.recording_id,
            }
        )
        now, wall = time.monotonic_ns(), time.time_ns()
        return cls(state, RecordType.MARKER, 0, 0, 0, payload, now, wall, is_release=True)


def note_durable(entry: Entry, path: Path, offset: int, chain: bytes) -> None:
    """Remember where a record lies that a sync has covered, and what it says about its call."""
    state = entry.state
    if not state.extents or state.extents[-1].path != path:
        state.extents.append(Extent(path, array("I")))
    state.extents[-1].offsets.append(offset)
    state.durable_seq += 1
    state.durable_chain = chain
    if entry.kind is RecordType.AUDIO:
        end = entry.first_sample + len(entry.payload) // 2
        state.ends[entry.channel] = max(state.ends.get(entry.channel, 0), end)
    elif entry.kind is RecordType.GAP:
        end = entry.first_sample + int(from_json(entry.payload)["sample_count"])
        state.ends[entry.channel] = max(state.ends.get(entry.channel, 0), end)
    elif entry.kind is RecordType.CLOSE:
        state.ended = parse_close(state.facts.started.call_id, entry.payload)
    if state.first_time == (0, 0):
        state.first_time = (entry.wall_ns, entry.monotonic_ns)
    state.last_time = (entry.wall_ns, entry.monotonic_ns)
