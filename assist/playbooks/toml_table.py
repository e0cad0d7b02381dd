"""Reading TOML with exact complaints: every refusal names the file and the line.

`tomllib` forgets line numbers, so they are found again in the text: a table by counting its headers, a key
by looking for it under its header. A table that was read whole must be closed with `done()`, which refuses
keys nobody asked for.

A table refuses by raising at once, or by handing each refusal to whoever collects them; then it gives a
value that fits in place of the one that did not, so that reading goes on to the next mistake.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final, TypeVar

from koemori.assist.errors import PlaybookError

Refusal = Callable[[PlaybookError], None]
"""What becomes of a refusal: raised, collected or passed over."""

_REQUIRED: Final = object()
_T = TypeVar("_T")
_SYNTAX_LINE: Final = re.compile(r"at line (\d+)")
IDENTIFIER: Final = re.compile(r"[A-Za-z0-9._-]+")


def refuse_at_once(error: PlaybookError) -> None:
    """Raise it."""
    raise error


def pass_over(_error: PlaybookError) -> None:
    """Say nothing: the mistake that caused this one was already refused."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a table stands and how it is written, so that a finding can be traced to its text."""

    file: str = ""
    """Relative to the playbook's folder."""
    line: int = 0
    toml: str = ""

    def line_of(self, text: str) -> int:
        """The line on which `text` stands, else that of the table."""
        for number, line in enumerate(self.toml.splitlines()):
            if text in line:
                return self.line + number
        return self.line


class Table:
    """One TOML table; each reading method refuses a value that does not fit."""

    def __init__(
        self,
        file: Path,
        text: str,
        values: Mapping[str, object],
        line: int | None,
        *,
        place: str = "",
        refusal: Refusal = refuse_at_once,
    ) -> None:
        self.file = file
        self.line = line
        self._place = place or file.name
        self._refusal = refusal
        self._lines = text.splitlines()
        self._text = text
        self._values = values
        self._asked: set[str] = set()

    def error(self, key: str | None, expected: str, came: str, item: str | None = None) -> PlaybookError:
        """The error for `key` of this table (an `item` of its list), or for the table itself."""
        line = self.line if key is None else self._line_of(key, item)
        return PlaybookError(str(self.file), line, expected, came)

    def refuse(self, key: str | None, expected: str, came: str, item: str | None = None) -> None:
        """Say that something does not fit; returns only where refusals are collected."""
        self._refusal(self.error(key, expected, came, item))

    def origin(self) -> Origin:
        """Where the table stands, with its text."""
        return Origin(self._place, self.line or 1, self._toml())

    def _toml(self) -> str:
        if self.line is None:
            return self._text
        start = self.line - 1
        ends = [n for n in range(self.line, len(self._lines)) if self._lines[n].startswith("[")]
        for end in (*ends, len(self._lines)):
            text = "\n".join(self._lines[start:end])
            # A line that begins with a bracket may belong to a value, or to a table inside this one.
            if _only_table(text) == self._values:
                return _without_trailing_comments(text)
        return self._lines[start]

    def _line_of(self, key: str, item: str | None = None) -> int | None:
        start = self.line or 1
        assignment = re.compile(rf'\s*"?{re.escape(key)}"?\s*=')
        inline = re.compile(rf'[{{,]\s*"?{re.escape(key)}"?\s*=')
        found: int | None = None
        for number, line in enumerate(self._lines[start - 1 :], start):
            if number > start and line.startswith("["):
                break
            if found is None and (assignment.match(line) or inline.search(line)):
                found = number
            if found is not None and (item is None or item in line):
                return number
        return self.line if found is None else found

    def _get(self, key: str, kind: type[_T], name: str, default: object, fallback: _T) -> _T:
        self._asked.add(key)
        value = self._values.get(key, default)
        if value is _REQUIRED:
            self.refuse(None, f"{key} ({name})", "no such key")
            return fallback
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.refuse(key, f"{key} to be {name}", type(value).__name__)
            return fallback
        return value

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._values

    def names(self, among: Iterable[str] | None = None) -> tuple[str, ...]:
        """All keys, in the file's order; those that are not `among` some words are refused."""
        keys = tuple(self._values)
        if among is None:
            return keys
        allowed = tuple(str(item) for item in among)
        return tuple(key for key in keys if self.check(key, key, allowed))

    def text(self, key: str, default: str | None = None) -> str:
        """A string; required unless a default is given; never empty when required."""
        absent, instead = (_REQUIRED, _NOTHING) if default is None else (default, default)
        value = self._get(key, str, "a string", absent, instead)
        if default is None and not value.strip():
            self.refuse(key, f"{key} to say something", "an empty string")
        return value

    def identifier(self, key: str = "id") -> str:
        """A name made of letters, digits, dots and dashes, as alerts and addresses carry it."""
        value = self.text(key)
        if value is not _NOTHING and value.strip() and not IDENTIFIER.fullmatch(value):
            self.refuse(key, f"{key} of letters, digits, '.', '_' and '-'", repr(value))
        return value

    def integer(self, key: str, default: int | None = None, *, low: int = 0, high: int = 2**53) -> int:
        """A whole number within bounds."""
        fallback = low if default is None else default
        value = self._get(key, int, "a whole number", _REQUIRED if default is None else default, fallback)
        if not low <= value <= high:
            self.refuse(key, f"{key} between {low} and {high}", str(value))
            return fallback
        return value

    def boolean(self, key: str, default: bool) -> bool:
        """True or false."""
        return self._get(key, bool, "true or false", default, default)

    def day(self, key: str) -> str:
        """A date or a moment, as TOML has them or as ISO 8601 text; empty when absent."""
        self._asked.add(key)
        value = self._values.get(key, "")
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, str) and (not value or _is_moment(value)):
            return value
        self.refuse(key, f"{key} to be a date such as 2026-11-22", repr(value))
        return ""

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of strings; a single string counts as a list of one."""
        self._asked.add(key)
        value = self._values.get(key)
        if isinstance(value, str):
            return (value,)
        if value is None and not required:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            came = "no such key" if value is None else type(value).__name__
            self.refuse(key, f"{key} to be a list of strings", came)
            return ()
        if required and not value:
            self.refuse(key, f"{key} to hold at least one string", "an empty list")
        return tuple(str(item) for item in value)

    def patterns(self, key: str, *, required: bool = False) -> tuple[re.Pattern[str], ...]:
        """A list of regular expressions."""
        found = []
        for item in self.texts(key, required=required):
            try:
                found.append(re.compile(item))
            except re.error as error:
                self.refuse(key, f"{key} to hold regular expressions", f"{item!r} ({error})", item)
        return tuple(found)

    def choice(self, key: str, among: Iterable[str], default: str | None = None) -> str:
        """One of a set of words."""
        allowed = [str(item) for item in among]
        value = self.text(key, default)
        if value is _NOTHING or not self.check(key, value, allowed):
            return default or next(iter(allowed), "")
        return value

    def choices(self, key: str, among: Iterable[str], *, required: bool = False) -> tuple[str, ...]:
        """A list of words of a set."""
        allowed = [str(item) for item in among]
        values = self.texts(key, required=required)
        return tuple(value for value in values if self.check(key, value, allowed))

    def check(self, key: str, value: str, among: Iterable[str]) -> bool:
        """Refuse a value that is not one of a set of words; whether it is."""
        allowed = sorted(str(item) for item in among)
        if value in allowed:
            return True
        self.refuse(key, f"{key} to be one of {', '.join(allowed)}", repr(value), value)
        return False

    def variant(self, key: str, readers: Mapping[str, Callable[[Table], _T]]) -> _T:
        """Read the table in the way that the word under `key` says."""
        return readers[self.choice(key, readers)](self)

    def table(self, key: str, *, required: bool = False) -> Table:
        """A table under this one, empty when absent and not required."""
        nothing: dict[str, object] = {}
        value = self._get(key, dict, "a table", _REQUIRED if required else {}, nothing)
        header = _header_line(self._lines, rf"\[{re.escape(key)}\]", 0) or self._line_of(key)
        return self._inner(value, header, pass_over if value is nothing else self._refusal)

    def tables(self, key: str) -> list[Table]:
        """The tables of `[[key]]`, in the file's order."""
        value = self._get(key, list, f"[[{key}]] tables", [], [])
        if not all(isinstance(item, dict) for item in value):
            self.refuse(key, f"[[{key}]] tables", "a list of other things")
            return []
        header = rf"\[\[\s*{re.escape(key)}\s*\]\]"
        return [
            self._inner(dict(item), _header_line(self._lines, header, number), self._refusal)
            for number, item in enumerate(value)
        ]

    def _inner(self, values: Mapping[str, object], line: int | None, refusal: Refusal) -> Table:
        return Table(self.file, self._text, values, line, place=self._place, refusal=refusal)

    def done(self) -> None:
        """Refuse keys that nothing read."""
        for key in self._values:
            if key not in self._asked:
                self.refuse(key, f"only {', '.join(sorted(self._asked))}", f"unknown key {key!r}")


_NOTHING: Final = "\N{HORIZONTAL ELLIPSIS}"
"""Stands for a text that did not come, where refusals are collected."""


def _header_line(lines: list[str], header: str, number: int) -> int | None:
    pattern = re.compile(rf"\s*{header}\s*(#.*)?$")
    places = [place for place, line in enumerate(lines, 1) if pattern.match(line)]
    return places[number] if number < len(places) else None


def _only_table(text: str) -> object:
    """What the one table of `text` holds; None when it is not TOML."""
    try:
        values = list(tomllib.loads(text).values())
    except tomllib.TOMLDecodeError:
        return None
    if len(values) != 1:
        return None
    return values[0][0] if isinstance(values[0], list) and values[0] else values[0]


def _without_trailing_comments(text: str) -> str:
    lines = text.splitlines()
    while lines and (not lines[-1].strip() or lines[-1].startswith("#")):
        lines.pop()
    return "\n".join(lines)


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def read_toml(file: Path, *, place: str = "", refusal: Refusal = refuse_at_once) -> Table:
    """A TOML file as a table.

    Args:
        file: Where it lies.
        place: How a person calls it; else the file's name.
        refusal: What becomes of refusals.

    Raises:
        PlaybookError: the file cannot be read or is not TOML.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        refusal(PlaybookError(str(file), None, "a readable file", error.strerror or "an error"))
        return Table(file, "", {}, None, place=place, refusal=pass_over)
    return parse_toml(file, content, place=place, refusal=refusal)


def parse_toml(file: Path, content: bytes, *, place: str = "", refusal: Refusal = refuse_at_once) -> Table:
    """The content of a TOML file as a table.

    Raises:
        PlaybookError: it is not TOML.
    """
    try:
        text = content.decode("utf-8")
        values = tomllib.loads(text)
    except UnicodeDecodeError:
        refusal(PlaybookError(str(file), None, "UTF-8 text", "other bytes"))
    except tomllib.TOMLDecodeError as error:
        found = _SYNTAX_LINE.search(str(error))
        refusal(PlaybookError(str(file), int(found.group(1)) if found else None, "TOML", str(error)))
    else:
        return Table(file, text, values, None, place=place, refusal=refusal)
    return Table(file, "", {}, None, place=place, refusal=pass_over)
