"""Utterance lines → assist events, without audio. One engine per `call_id`; calls may interleave.

A line is one JSON object: `call_id`, `speaker` (agent or customer), `start_ms`, `end_ms`, `text`; other keys
are ignored, but an `utterance_id` is kept when given. Media time advances by ticks between lines, as it
would in a live call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from koemori.assist.types import AssistEvent, AssistInput, CallClosed, CallFacts, Heard, Tick
from koemori.audio.call import ChannelRole
from koemori.audio.errors import KoemoriError
from koemori.server.calls.conversion import EventHead, assist_to_wire
from koemori.server.calls.ports import Engine
from koemori.server.wire import WireEvent

LONGEST_CALL_MS = 24 * 3600 * 1000
MOST_TEXT_CHARACTERS = 20_000
_TICK_MS = 1000
_SPEAKERS = {"agent": ChannelRole.AGENT, "customer": ChannelRole.CUSTOMER}


class LineError(KoemoriError):
    """A line that is no utterance; says which, what was expected and what kind of thing came."""

    code = "utterance-line"

    def __init__(self, place: str, line: int, expected: str, came: str) -> None:
        super().__init__(f"{place}: line {line}: expected {expected}; got {came}")
        self.line = line
        self.expected = expected
        self.came = came


@dataclass(frozen=True, slots=True)
class UtteranceLine:
    """One validated line; `utterance_id` is None when the line gave none."""

    call_id: str
    speaker: ChannelRole
    start_ms: int
    end_ms: int
    text: str
    utterance_id: str | None


def read_lines(lines: Iterable[bytes], place: str) -> Iterator[UtteranceLine]:
    """Validate lines as they come; empty ones are passed over.

    Args:
        lines: Raw lines, UTF-8.
        place: What the lines come from, for the error.

    Raises:
        LineError: At the first line that does not fit.
    """
    for number, raw in enumerate(lines, start=1):
        if raw.strip():
            yield _read_line(raw, place, number)


def _read_line(raw: bytes, place: str, number: int) -> UtteranceLine:
    def refuse(expected: str, came: str) -> LineError:
        return LineError(place, number, expected, came)

    try:
        row = json.loads(raw.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError:
        raise refuse("UTF-8 text", "other bytes") from None
    except (ValueError, RecursionError):
        raise refuse("one JSON object", "something that is not JSON") from None
    if not isinstance(row, dict):
        raise refuse("one JSON object", f"JSON of another kind ({_kind(row)})")
    call_id, text, speaker = row.get("call_id"), row.get("text"), row.get("speaker")
    if not isinstance(call_id, str) or not call_id:
        raise refuse('a text for "call_id"', _came(row, "call_id"))
    if not isinstance(speaker, str) or speaker not in _SPEAKERS:
        raise refuse('"agent" or "customer" for "speaker"', _came(row, "speaker"))
    start_ms, end_ms = (_time(row, key, refuse) for key in ("start_ms", "end_ms"))
    if end_ms < start_ms:
        raise refuse('"end_ms" not before "start_ms"', f"{end_ms} before {start_ms}")
    if not isinstance(text, str) or len(text) > MOST_TEXT_CHARACTERS:
        raise refuse(f'a text of at most {MOST_TEXT_CHARACTERS} characters for "text"', _came(row, "text"))
    name = row.get("utterance_id")
    return UtteranceLine(
        call_id, _SPEAKERS[speaker], start_ms, end_ms, text, name if isinstance(name, str) and name else None
    )


def _time(row: dict[str, object], key: str, refuse: Callable[[str, str], LineError]) -> int:
    value = row.get(key)
    whole = isinstance(value, float) and value.is_integer()
    if isinstance(value, bool) or not (isinstance(value, int) or whole):
        raise refuse(f'whole milliseconds for "{key}"', _came(row, key))
    if not isinstance(value, (int, float)) or not 0 <= value <= LONGEST_CALL_MS:
        raise refuse(f'0 to {LONGEST_CALL_MS} for "{key}"', "a number outside")
    return int(value)


def _came(row: dict[str, object], key: str) -> str:
    return _kind(row[key]) if key in row else "no such key"


def _kind(value: object) -> str:
    kinds = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return "null" if value is None else kinds.get(type(value), "an object")


@dataclass(slots=True)
class _AnalyzedCall:
    """One call's engine and numbering."""

    call_id: str
    engine: Engine
    seq: int = 0
    now_ms: int = 0
    names: set[str] = field(default_factory=set)

    def hear(self, line: UtteranceLine) -> Iterator[WireEvent]:
        tick_ms = (self.now_ms // _TICK_MS + 1) * _TICK_MS
        while tick_ms <= line.end_ms:
            yield from self._push(Tick(at_ms=tick_ms))
            tick_ms += _TICK_MS
        self.now_ms = max(self.now_ms, line.end_ms)
        yield from self._push(Heard(self._name(line), line.speaker, line.start_ms, line.end_ms, line.text))

    def close(self) -> Iterator[WireEvent]:
        yield from self._push(CallClosed(at_ms=self.now_ms))

    def _push(self, event: AssistInput) -> Iterator[WireEvent]:
        results: list[AssistEvent] = self.engine.push(event)
        for result in results:
            self.seq += 1
            head = EventHead(call_id=self.call_id, seq=self.seq, at_ms=result.at_ms, emitted_ms=None)
            yield assist_to_wire(result, head)

    def _name(self, line: UtteranceLine) -> str:
        """The line's own id, else `<0 agent or 1 customer>-<start_ms>`; a repeated one gets a number."""
        index = 0 if line.speaker is ChannelRole.AGENT else 1
        wanted = line.utterance_id or f"{index}-{line.start_ms}"
        name, count = wanted, 1
        while name in self.names:
            count += 1
            name = f"{wanted}.{count}"
        self.names.add(name)
        return name


class Analysis:
    """All calls of one input.

    Args:
        make_engine: Makes the engine of a call.
        locale: Language of guidance.
    """

    def __init__(self, make_engine: Callable[[CallFacts], Engine], locale: str = "ja") -> None:
        self._make_engine = make_engine
        self._locale = locale
        self._calls: dict[str, _AnalyzedCall] = {}

    def hear(self, line: UtteranceLine) -> Iterator[WireEvent]:
        """Events that follow from one line."""
        call = self._calls.get(line.call_id)
        if call is None:
            engine = self._make_engine(CallFacts(call_id=line.call_id, locale=self._locale))
            call = self._calls[line.call_id] = _AnalyzedCall(line.call_id, engine)
        yield from call.hear(line)

    def close(self) -> Iterator[WireEvent]:
        """The last events of every call, in the order in which calls began."""
        for call in self._calls.values():
            yield from call.close()
        self._calls.clear()
