"""JSON Schema of a playbook's files, for editors: what the loader asks of a table is noted, and nothing else.

The loader's own functions read a `SketchTable`, which answers every question with something that fits and
keeps the question. So the schema cannot say anything that the loader does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from koemori.assist.playbooks.files import PlaybookFiles
from koemori.assist.playbooks.lexicon import read_lexicon
from koemori.assist.playbooks.load import (
    BUILT_IN,
    read_about,
    read_case_words,
    read_checklist,
    read_end_states,
    read_guidance,
    read_ladder,
    read_playbook,
)
from koemori.assist.playbooks.tag_rules import read_tags
from koemori.assist.playbooks.texts import read_texts
from koemori.assist.playbooks.toml_table import IDENTIFIER, Table
from koemori.assist.types import Category

DIALECT: Final = "http://json-schema.org/draft-07/schema#"
_ANYTHING: Final = "*"
"""The name of a key, a guard or an item that the file itself makes up."""
_T = TypeVar("_T")
_Schema = dict[str, Any]


class SketchTable(Table):
    """Notes the keys that are read, with their kinds, bounds and words."""

    def __init__(self) -> None:
        super().__init__(Path("sketch.toml"), "", {}, None)
        self._properties: dict[str, _Schema] = {}
        self._needed: list[str] = []
        self._optional: set[str] = set()
        self._inner_tables: dict[str, SketchTable] = {}
        self._made_up: tuple[str, _Schema] | None = None
        self._alternatives: list[_Schema] = []

    def schema(self) -> _Schema:
        """What was noted."""
        if self._alternatives:
            return {"type": "object", "oneOf": self._alternatives}
        inner = {key: _nested(noted, self._inner_tables.get(key)) for key, noted in self._properties.items()}
        needed = [key for key in self._needed if key not in self._optional]
        found: _Schema = {"type": "object", "properties": inner, "additionalProperties": False}
        if self._made_up is not None:
            key, names = self._made_up
            found["additionalProperties"] = found["properties"].pop(key)
            found["propertyNames"] = names
            needed = [name for name in needed if name != key]
        return found | ({"required": needed} if needed else {})

    def _note(self, key: str, schema: _Schema, *, needed: bool) -> None:
        self._properties[key] = schema
        if needed and key not in self._needed:
            self._needed.append(key)

    def refuse(self, key: str | None, expected: str, came: str, item: str | None = None) -> None:
        """Nothing is refused."""

    def has(self, key: str) -> bool:
        """A key that is asked for in this way may be left out."""
        self._optional.add(key)
        return True

    def names(self, among: Iterable[str] | None = None) -> tuple[str, ...]:
        """One key for all that the file may make up."""
        words = [str(item) for item in among or ()]
        name = words[0] if words else _ANYTHING
        self._made_up = (name, {"enum": words} if words else {"type": "string"})
        return (name,)

    def text(self, key: str, default: str | None = None) -> str:
        """A string."""
        required: _Schema = {"type": "string", "pattern": r"\S"}
        self._note(key, required if default is None else {"type": "string"}, needed=default is None)
        return _ANYTHING if default is None else default

    def identifier(self, key: str = "id") -> str:
        """A name."""
        self._note(key, {"type": "string", "pattern": f"^{IDENTIFIER.pattern}$"}, needed=True)
        return _ANYTHING

    def integer(self, key: str, default: int | None = None, *, low: int = 0, high: int = 2**53) -> int:
        """A whole number."""
        schema: _Schema = {"type": "integer", "minimum": low, "maximum": high}
        self._note(key, schema if default is None else schema | {"default": default}, needed=default is None)
        return low if default is None else default

    def boolean(self, key: str, default: bool) -> bool:
        """True or false."""
        self._note(key, {"type": "boolean", "default": default}, needed=False)
        return default

    def day(self, key: str) -> str:
        """A date or a moment; editors see TOML's own dates as text."""
        self._note(key, {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}"}, needed=False)
        return ""

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of strings, or one."""
        schema: _Schema = {"type": ["array", "string"], "items": {"type": "string"}}
        self._note(key, schema | ({"minItems": 1} if required else {}), needed=required)
        return ()

    def patterns(self, key: str, *, required: bool = False) -> tuple[re.Pattern[str], ...]:
        """A list of regular expressions."""
        self.texts(key, required=required)
        return ()

    def choice(self, key: str, among: Iterable[str], default: str | None = None) -> str:
        """One of a set of words; any, where the file itself makes them up."""
        words = [str(item) for item in among]
        self._note(
            key, _one_of(words) | ({} if default is None else {"default": default}), needed=default is None
        )
        return default or next(iter(words), _ANYTHING)

    def choices(self, key: str, among: Iterable[str], *, required: bool = False) -> tuple[str, ...]:
        """A list of words of a set, or one."""
        one = _one_of([str(item) for item in among])
        many: _Schema = {"type": "array", "items": one} | ({"minItems": 1} if required else {})
        self._note(key, {"anyOf": [many, one]}, needed=required)
        return ()

    def check(self, key: str, value: str, among: Iterable[str]) -> bool:
        """It is."""
        return True

    def variant(self, key: str, readers: Mapping[str, Callable[[Table], _T]]) -> _T:
        """Every way of reading the table."""
        result: list[_T] = []
        for word, reader in readers.items():
            sketch = SketchTable()
            sketch._note(key, {"const": word}, needed=True)
            result.append(reader(sketch))
            self._alternatives.append(sketch.schema())
        return result[0]

    def table(self, key: str, *, required: bool = False) -> Table:
        """A table under this one."""
        self._note(key, {"type": "object"}, needed=required)
        return self._inner_tables.setdefault(key, SketchTable())

    def tables(self, key: str) -> list[Table]:
        """A list of tables, of which one stands for all."""
        self._note(key, {"type": "array"}, needed=False)
        return [self._inner_tables.setdefault(key, SketchTable())]

    def done(self) -> None:
        """No key is unknown."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file of a playbook.

    Attributes:
        name: What its schema is called.
        glob: Which files it is for, in the playbook's folder.
        schema: JSON Schema, draft 7.
    """

    name: str
    glob: str
    schema: Mapping[str, Any]


def file_kinds() -> tuple[FileKind, ...]:
    """Every kind of file with its schema."""
    readers: Mapping[str, tuple[str, Callable[[SketchTable], object]]] = {
        "playbook": ("ja/playbook.toml", read_about),
        "lexicon": ("ja/lexicon/*.toml", lambda table: read_lexicon([table])),
        "guidance": ("ja/guidance/*.toml", lambda table: read_guidance([table], frozenset())),
        "ladder": ("ja/ladder.toml", read_ladder),
        "checklist": ("ja/checklist.toml", read_checklist),
        "end_states": ("ja/end_states.toml", read_end_states),
        "case": ("ja/case.toml", read_case_words),
        "tags": ("ja/tags.toml", read_tags),
        "texts": ("en/*.toml", _read_texts),
    }
    return tuple(FileKind(name, glob, _sketch(name, read)) for name, (glob, read) in readers.items())


def _sketch(name: str, read: Callable[[SketchTable], object]) -> Mapping[str, Any]:
    table = SketchTable()
    read(table)
    return {"$schema": DIALECT, "title": f"Koemori playbook: {name}", **table.schema()}


def _read_texts(table: SketchTable) -> None:
    shipped = read_playbook(PlaybookFiles.read(BUILT_IN))
    ladder = replace(shipped.ladder, first_words=dict.fromkeys(Category, ""))
    read_texts(replace(shipped, ladder=ladder), table, set())


def _one_of(words: list[str]) -> _Schema:
    return {"type": "string"} if not words or _ANYTHING in words else {"enum": words}


def _nested(noted: _Schema, inner: SketchTable | None) -> _Schema:
    if inner is None:
        return noted
    return inner.schema() if noted["type"] == "object" else noted | {"items": inner.schema()}
