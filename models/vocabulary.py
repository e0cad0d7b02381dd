"""Words that a queue expects: product names, people, places, and the words of abuse that must not be missed.

A vocabulary is data (TOML), kept per tenant or queue and merged with the one that ships with the package:

    id = "tenant-lamps"
    version = "3"
    source = "Product list of the lamp department"

    [[entry]]
    text = "小野寺"            # as it shall be written
    reading = "おのでら"        # kana; left out, the dictionary's reading is taken
    kind = "name"             # product | name | abuse | place | other
    sounds_like = ["お野寺"]    # what the recogniser writes instead, when that is known

It serves twice: as a prompt (`prompt_text`) and to rescore what was heard (`koemori.models.rescoring`).
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from koemori.models.errors import VocabularyError
from koemori.models.readings import kana_reading, to_hiragana

MOST_ENTRIES: Final = 2_000
MOST_CHARACTERS: Final = 40
MOST_SOUNDS_LIKE: Final = 20
MOST_FILE_BYTES: Final = 1_000_000
_HEAD_KEYS: Final = {"id", "version", "source", "entry"}
_ENTRY_KEYS: Final = {"text", "reading", "kind", "sounds_like"}


class EntryKind(StrEnum):
    """What a word is; decides its place in the prompt and how sure a rescoring must be."""

    PRODUCT = "product"
    NAME = "name"
    PLACE = "place"
    OTHER = "other"
    ABUSE = "abuse"


@dataclass(frozen=True, slots=True)
class Entry:
    """One word; `reading` is hiragana."""

    text: str
    reading: str
    kind: EntryKind = EntryKind.OTHER
    sounds_like: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Entries with different texts, in the order in which they were written.

    Attributes:
        vocabulary_id: Name of the file's content, or the names of all that were merged, joined by `+`.
        version: Likewise.
    """

    vocabulary_id: str
    version: str
    source: str
    entries: tuple[Entry, ...] = ()

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON, or for a worker process."""
        return {
            "id": self.vocabulary_id,
            "version": self.version,
            "source": self.source,
            "entry": [
                {
                    "text": entry.text,
                    "reading": entry.reading,
                    "kind": entry.kind.value,
                    "sounds_like": list(entry.sounds_like),
                }
                for entry in self.entries
            ],
        }


def load_vocabulary(path: Path) -> Vocabulary:
    """Read one TOML file.

    Raises:
        VocabularyError: The file cannot be read, is no TOML, or an entry does not fit; names file and line.
    """
    try:
        raw = path.read_bytes()
    except OSError as failure:
        raise VocabularyError(str(path), "a file that can be read", type(failure).__name__) from failure
    if len(raw) > MOST_FILE_BYTES:
        raise VocabularyError(str(path), f"at most {MOST_FILE_BYTES} bytes", str(len(raw)))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as failure:
        raise VocabularyError(str(path), "UTF-8", f"another byte at {failure.start}") from failure
    return parse_vocabulary(text, str(path))


def parse_vocabulary(text: str, place: str) -> Vocabulary:
    """Read TOML text; `place` names it in errors."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as failure:
        # The message quotes no content, only where it went wrong.
        raise VocabularyError(place, "TOML", str(failure)) from failure
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip() == "[[entry]]"]
    return vocabulary_from_data(data, place, lines)


def vocabulary_from_data(
    data: Mapping[str, Any], place: str = "vocabulary", lines: list[int] | None = None
) -> Vocabulary:
    """The inverse of `Vocabulary.to_data`; also what a parsed file holds.

    Args:
        data: Keys as in the file.
        place: Names the data in errors.
        lines: Where each entry begins, for errors.

    Raises:
        VocabularyError: Something does not fit.
    """
    _refuse_unknown(data, _HEAD_KEYS, place)
    name, version, source = (_string(data, key, place) for key in ("id", "version", "source"))
    rows = data.get("entry", [])
    if not isinstance(rows, list):
        raise VocabularyError(place, "entry to be a list of tables", type(rows).__name__)
    if len(rows) > MOST_ENTRIES:
        raise VocabularyError(place, f"at most {MOST_ENTRIES} entries", str(len(rows)))
    entries: dict[str, Entry] = {}
    for number, row in enumerate(rows, 1):
        where = f"{place}:{lines[number - 1]}" if lines and len(lines) == len(rows) else place
        entry = _entry(row, f"{where}, entry {number}")
        if entry.text in entries:
            raise VocabularyError(f"{where}, entry {number}", "a text not yet in this file", "it is there")
        entries[entry.text] = entry
    return Vocabulary(name, version, source, tuple(entries.values()))


def merge_vocabularies(*vocabularies: Vocabulary) -> Vocabulary:
    """One vocabulary of several; a later entry replaces an earlier one of the same text.

    Known mishearings of both are kept.

    Raises:
        VocabularyError: More than `MOST_ENTRIES` in all.
    """
    entries: dict[str, Entry] = {}
    for vocabulary in vocabularies:
        for entry in vocabulary.entries:
            before = entries.get(entry.text)
            heard = (*(before.sounds_like if before else ()), *entry.sounds_like)
            entries[entry.text] = replace(entry, sounds_like=tuple(dict.fromkeys(heard)))
    name = "+".join(vocabulary.vocabulary_id for vocabulary in vocabularies)
    if len(entries) > MOST_ENTRIES:
        raise VocabularyError(name, f"at most {MOST_ENTRIES} entries when merged", str(len(entries)))
    return Vocabulary(
        name,
        "+".join(vocabulary.version for vocabulary in vocabularies),
        "; ".join(dict.fromkeys(vocabulary.source for vocabulary in vocabularies if vocabulary.source)),
        tuple(entries.values()),
    )


@cache
def builtin_vocabulary() -> Vocabulary:
    """Words of abuse and of undue demands, as they are said to Japanese call centres."""
    name = "abuse_words.toml"
    text = resources.files("koemori.models").joinpath(name).read_text(encoding="utf-8")
    return parse_vocabulary(text, name)


def prompt_text(
    vocabulary: Vocabulary,
    most_characters: int = 60,
    kinds: tuple[EntryKind, ...] = (EntryKind.PRODUCT, EntryKind.NAME, EntryKind.PLACE, EntryKind.OTHER),
) -> str:
    """Words to expect, for a recogniser's previous-text prompt; empty when no word fits.

    Words of abuse are left out unless asked for: a recogniser that expects an insult will hear one.

    Args:
        vocabulary: Where the words come from; the order of the file is kept within a kind.
        most_characters: Budget of the whole text. A character costs about one and a half tokens.
        kinds: Which kinds go in, the most important first.
    """
    ranked = [entry for kind in kinds for entry in vocabulary.entries if entry.kind is kind]
    chosen: list[str] = []
    length = 0
    for entry in ranked:
        # Each word brings a separator; the last one is the full stop.
        if length + len(entry.text) + 1 <= most_characters:
            chosen.append(entry.text)
            length += len(entry.text) + 1
    return "、".join(chosen) + "。" if chosen else ""


def _entry(row: object, place: str) -> Entry:
    if not isinstance(row, Mapping):
        raise VocabularyError(place, "a table", type(row).__name__)
    _refuse_unknown(row, _ENTRY_KEYS, place)
    text = _word(_string(row, "text", place), f"{place}, text")
    kind = row.get("kind", EntryKind.OTHER.value)
    if not isinstance(kind, str) or kind not in {known.value for known in EntryKind}:
        expected = "one of " + ", ".join(known.value for known in EntryKind)
        raise VocabularyError(f"{place}, kind", expected, kind if isinstance(kind, str) else "no text")
    heard = row.get("sounds_like", [])
    if not isinstance(heard, list | tuple) or not all(isinstance(item, str) for item in heard):
        raise VocabularyError(f"{place}, sounds_like", "a list of texts", type(heard).__name__)
    if len(heard) > MOST_SOUNDS_LIKE:
        raise VocabularyError(f"{place}, sounds_like", f"at most {MOST_SOUNDS_LIKE} texts", str(len(heard)))
    return Entry(
        text,
        _reading(row, text, place),
        EntryKind(kind),
        tuple(_word(item, f"{place}, sounds_like") for item in heard),
    )


def _reading(row: Mapping[str, Any], text: str, place: str) -> str:
    given = "reading" in row
    reading = to_hiragana(_string(row, "reading", place) if given else kana_reading(text)).replace(" ", "")
    if (
        not reading
        or len(reading) > MOST_CHARACTERS
        or not all("ぁ" <= c <= "ゖ" or c == "ー" for c in reading)
    ):
        came = "something else" if given else "none, and the dictionary knows no reading of the text"
        raise VocabularyError(f"{place}, reading", f"kana, at most {MOST_CHARACTERS} characters", came)
    return reading


def _word(text: str, place: str) -> str:
    normal = unicodedata.normalize("NFKC", text).strip()
    if not 2 <= len(normal) <= MOST_CHARACTERS or not any(char.isalnum() for char in normal):
        raise VocabularyError(place, f"a word of 2 to {MOST_CHARACTERS} characters", f"{len(normal)}")
    if any(unicodedata.category(char)[0] == "C" for char in normal):
        raise VocabularyError(place, "a word of one line", "a control character")
    return normal


def _string(data: Mapping[str, Any], key: str, place: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or (key != "source" and not value.strip()):
        came = "nothing" if key not in data else "an empty text" if value == "" else type(value).__name__
        raise VocabularyError(place, f"{key} (text)", came)
    return value.strip()


def _refuse_unknown(data: Mapping[str, Any], known: set[str], place: str) -> None:
    unknown = sorted(str(key) for key in set(data) - known)
    if unknown:
        raise VocabularyError(place, f"keys among {', '.join(sorted(known))}", ", ".join(unknown))
