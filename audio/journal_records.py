"""One call as its journal tells it, and its records read from the places a scan (or the writer) found."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from koemori.audio.call import CallEnded, CallId, CallStarted
from koemori.audio.errors import JournalError
from koemori.audio.journal_format import (
    HEADER_BYTES,
    OpenFacts,
    PayloadCipher,
    PlainCipher,
    Record,
    RecordType,
    chain_first,
    chain_next,
    parse_header,
    parse_record,
    record_size,
)
from koemori.audio.recording import JournalHead

_OPEN_STREAMS = 8
_READ_BUFFER_BYTES = 1 << 18
_CIPHERS: dict[str, PayloadCipher] = {PlainCipher.cipher_id: PlainCipher()}


@dataclass(frozen=True, slots=True)
class Extent:
    """Records of one call in one file, by byte offset."""

    path: Path
    offsets: array[int]


@dataclass(frozen=True, slots=True)
class JournalCall:
    """One call as its journal tells it.

    Attributes:
        facts: What the open record says.
        head: Chain value, record count and end per channel of the valid records.
        ended: The close record's content; None for a call that was cut off.
        extents: Where the records lie, in order.
        last_wall_ns: Wall time of the last record.
        first_wall_ns: Wall time of the open record; with the monotonic pair it shows a stepped clock.
        first_monotonic_ns: Monotonic time of the open record.
        last_monotonic_ns: Monotonic time of the last record.
        next_seq: Number of the record that would come next.
        breaks: Where damaged records are missing: index of the record after the break → chain value it
            follows from, as the damaged record itself states it. Empty for an undamaged journal.
        cut_samples: End per channel that a cut-off last record names, where it goes past the valid ones.
        unlinked_records: Whole records of this call that follow from no other.
        released: True once the sealed recording has taken the journal's place.
    """

    facts: OpenFacts
    head: JournalHead
    ended: CallEnded | None
    extents: tuple[Extent, ...]
    first_wall_ns: int
    last_wall_ns: int
    first_monotonic_ns: int
    last_monotonic_ns: int
    next_seq: int
    breaks: Mapping[int, bytes]
    cut_samples: Mapping[int, int]
    unlinked_records: int
    released: bool

    @property
    def call_id(self) -> CallId:
        """The call's id."""
        return self.facts.started.call_id

    @property
    def started(self) -> CallStarted:
        """The event the call began with."""
        return self.facts.started

    def records(self) -> Iterator[tuple[int, int, Record]]:
        """Yield (extent number, offset, record) in order, with plain payloads, checking the chain again.

        Raises:
            JournalError: A record has changed since the scan, or the chain does not end at `head`.
        """
        cipher = cipher_of(self.facts.cipher_id)
        chain, index = b"", 0
        for number, extent in enumerate(self.extents):
            with extent.path.open("rb", buffering=_READ_BUFFER_BYTES) as stream:
                for offset in extent.offsets:
                    raw_header, record = read_record(stream, offset)
                    chain = self.breaks.get(index, chain)
                    follows = chain_next(chain, raw_header, record.payload) if index else None
                    chain = follows or chain_first(raw_header, record.payload)
                    if chain != record.chain:
                        raise JournalError(
                            f"expected record {index} at byte {offset} of {extent.path.name} to fit the "
                            "chain; it does not"
                        )
                    plain = record.payload
                    if record.header.type is not RecordType.OPEN and not record.header.scrubbed:
                        plain = cipher.open(plain, seq=record.header.seq, header=raw_header)
                    index += 1
                    yield number, offset, Record(record.header, plain, record.chain)
        if chain != self.head.chain:
            raise JournalError(
                f"expected {self.head.record_count} records up to the chain's head; the end is missing"
            )


def read_record(stream: BinaryIO, offset: int) -> tuple[bytes, Record]:
    """Return the bytes of the header at a place, and the record; its chain value is not checked.

    Raises:
        JournalError: There is no record at that place.
    """
    stream.seek(offset)
    raw_header = stream.read(HEADER_BYTES)
    header = parse_header(raw_header, 0)
    body = b"" if header is None else stream.read(record_size(header.payload_bytes) - HEADER_BYTES)
    record = parse_record(raw_header + body, 0)
    if record is None:
        raise JournalError(f"expected a record at byte {offset}; got none")
    return raw_header, record


class PayloadReader:
    """Reads single payloads of a call by place; the chain was checked by whoever found the places."""

    def __init__(self, call: JournalCall) -> None:
        self._call = call
        self._cipher = cipher_of(call.facts.cipher_id)
        self._streams: OrderedDict[int, BinaryIO] = OrderedDict()

    def __enter__(self) -> PayloadReader:
        return self

    def __exit__(self, *_: object) -> None:
        while self._streams:
            self._streams.popitem()[1].close()

    def read(self, extent: int, offset: int) -> bytes:
        """Return the plain payload of the record at a place that `JournalCall.records` gave.

        Raises:
            JournalError: There is no record any more.
        """
        raw_header, record = read_record(self._stream(extent), offset)
        return self._cipher.open(record.payload, seq=record.header.seq, header=raw_header)

    def _stream(self, extent: int) -> BinaryIO:
        stream = self._streams.get(extent)
        if stream is None:
            if len(self._streams) >= _OPEN_STREAMS:
                self._streams.popitem(last=False)[1].close()
            stream = self._streams[extent] = self._call.extents[extent].path.open(
                "rb", buffering=_READ_BUFFER_BYTES
            )
        return stream


def cipher_of(cipher_id: str) -> PayloadCipher:
    """Return the cipher an open record names.

    Raises:
        JournalError: No such cipher.
    """
    try:
        return _CIPHERS[cipher_id]
    except KeyError:
        raise JournalError(f"expected a cipher of {sorted(_CIPHERS)}; got {cipher_id!r}") from None
