"""Reading TOML with exact complaints: every refusal names the file and the line.

`tomllib` forgets line numbers, so they are found again in the text: a table by counting its headers, a key
by looking for it under its header. A table that was read whole must be closed with `done()`, which refuses
keys nobody asked for.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from koemori.assist.errors import PlaybookError

_REQUIRED: Final = object()
_T = TypeVar("_T")
_SYNTAX_LINE: Final = re.compile(r"at line (\d+)")


class Table:
    """One TOML table; each reading method raises `PlaybookError` when the value does not fit."""

    def __init__(self, file: Path, text: str, values: dict[str, object], line: int | None) -> None:
        self.file = file
        self.line = line
        self._lines = text.splitlines()
        self._text = text
        self._values = values
        self._asked: set[str] = set()

    def error(self, key: str | None, expected: str, came: str) -> PlaybookError:
        """The error for `key` of this table, or for the table itself."""
        line = self.line if key is None else self._line_of(key)
        return PlaybookError(str(self.file), line, expected, came)

    def _line_of(self, key: str) -> int | None:
        start = self.line or 1
        assignment = re.compile(rf'\s*"?{re.escape(key)}"?\s*=')
        inline = re.compile(rf'[{{,]\s*"?{re.escape(key)}"?\s*=')
        for number, line in enumerate(self._lines[start - 1 :], start):
            if number > start and line.startswith("["):
                break
            if assignment.match(line) or inline.search(line):
                return number
        return self.line

    def _get(self, key: str, kind: type[_T], name: str, default: object) -> _T:
        self._asked.add(key)
        value = self._values.get(key, default)
        if value is _REQUIRED:
            raise self.error(None, f"{key} ({name})", "no such key")
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.error(key, f"{key} to be {name}", type(value).__name__)
        return value

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def keys(self) -> tuple[str, ...]:
        """All keys, in the file's order."""
        return tuple(self._values)

    def text(self, key: str, default: str | None = None) -> str:
        """A string; required unless a default is given; never empty when required."""
        value = self._get(key, str, "a string", _REQUIRED if default is None else default)
        if default is None and not value.strip():
            raise self.error(key, f"{key} to say something", "an empty string")
        return value

    def integer(self, key: str, default: int | None = None, *, low: int = 0, high: int = 2**53) -> int:
        """A whole number within bounds."""
        value = self._get(key, int, "a whole number", _REQUIRED if default is None else default)
        if not low <= value <= high:
            raise self.error(key, f"{key} between {low} and {high}", str(value))
        return value

    def boolean(self, key: str, default: bool) -> bool:
        """True or false."""
        return self._get(key, bool, "true or false", default)

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of strings; a single string counts as a list of one."""
        self._asked.add(key)
        value = self._values.get(key)
        if isinstance(value, str):
            return (value,)
        if value is None and not required:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(
                key,
                f"{key} to be a list of strings",
                "no such key" if value is None else type(value).__name__,
            )
        if required and not value:
            raise self.error(key, f"{key} to hold at least one string", "an empty list")
        return tuple(str(item) for item in value)

    def patterns(self, key: str, *, required: bool = False) -> tuple[re.Pattern[str], ...]:
        """A list of regular expressions."""
        found = []
        for item in self.texts(key, required=required):
            try:
                found.append(re.compile(item))
            except re.error as error:
                raise self.error(key, f"{key} to hold regular expressions", f"{item!r} ({error})") from error
        return tuple(found)

    def choice(self, key: str, among: Iterable[str], default: str | None = None) -> str:
        """One of a set of words."""
        value = self.text(key, default)
        self.check(key, value, among)
        return value

    def choices(self, key: str, among: Iterable[str], *, required: bool = False) -> tuple[str, ...]:
        """A list of words of a set."""
        values = self.texts(key, required=required)
        for value in values:
            self.check(key, value, among)
        return values

    def check(self, key: str, value: str, among: Iterable[str]) -> None:
        """Refuse a value that is not one of a set of words."""
        allowed = sorted(str(item) for item in among)
        if value not in allowed:
            raise self.error(key, f"{key} to be one of {', '.join(allowed)}", repr(value))

    def table(self, key: str, *, required: bool = False) -> Table:
        """A table under this one, empty when absent and not required."""
        value = self._get(key, dict, "a table", _REQUIRED if required else {})
        header = _header_line(self._lines, rf"\[{re.escape(key)}\]", 0) or self._line_of(key)
        return Table(self.file, self._text, value, header)

    def tables(self, key: str) -> list[Table]:
        """The tables of `[[key]]`, in the file's order."""
        value = self._get(key, list, f"[[{key}]] tables", [])
        if not all(isinstance(item, dict) for item in value):
            raise self.error(key, f"[[{key}]] tables", "a list of other things")
        return [
            Table(
                self.file,
                self._text,
                dict(item),
                _header_line(self._lines, rf"\[\[\s*{re.escape(key)}\s*\]\]", number),
            )
            for number, item in enumerate(value)
        ]

    def done(self) -> None:
        """Refuse keys that nothing read."""
        for key in self._values:
            if key not in self._asked:
                raise self.error(key, f"only {', '.join(sorted(self._asked))}", f"unknown key {key!r}")


def _header_line(lines: list[str], header: str, number: int) -> int | None:
    pattern = re.compile(rf"\s*{header}\s*(#.*)?$")
    places = [place for place, line in enumerate(lines, 1) if pattern.match(line)]
    return places[number] if number < len(places) else None


def read_toml(file: Path) -> Table:
    """A TOML file as a table.

    Raises:
        PlaybookError: the file cannot be read or is not TOML.
    """
    try:
        text = file.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except OSError as error:
        raise PlaybookError(str(file), None, "a readable file", error.strerror or "an error") from error
    except UnicodeDecodeError as error:
        raise PlaybookError(str(file), None, "UTF-8 text", "other bytes") from error
    except tomllib.TOMLDecodeError as error:
        place = _SYNTAX_LINE.search(str(error))
        line = int(place.group(1)) if place else None
        raise PlaybookError(str(file), line, "TOML", str(error)) from error
    return Table(file, text, values, None)
