"""A playbook's files, read once: what is digested, checked, parsed and kept is the same text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from koemori.assist.errors import PlaybookError
from koemori.assist.playbooks.toml_table import Refusal, Table, parse_toml, read_toml, refuse_at_once


@dataclass(frozen=True, slots=True)
class PlaybookFiles:
    """Every TOML file under a folder, by its path relative to it, in order."""

    root: Path
    contents: Mapping[str, bytes]
    refusal: Refusal = refuse_at_once

    @classmethod
    def read(cls, root: Path, refusal: Refusal = refuse_at_once) -> PlaybookFiles:
        """Read them all.

        Raises:
            PlaybookError: one cannot be read.
        """
        contents = {}
        for file in sorted(root.rglob("*.toml")):
            try:
                contents[file.relative_to(root).as_posix()] = file.read_bytes()
            except OSError as error:
                refusal(PlaybookError(str(file), None, "a readable file", error.strerror or "an error"))
        return cls(root, contents, refusal)

    def digest(self) -> str:
        """SHA-256 over names and contents, as hex."""
        total = hashlib.sha256()
        for place, content in self.contents.items():
            total.update(place.encode())
            total.update(b"\0")
            total.update(content)
            total.update(b"\0")
        return total.hexdigest()

    def table(self, place: str) -> Table:
        """One file, parsed.

        Raises:
            PlaybookError: it is not there, or is no TOML.
        """
        file = self.root / place
        if place not in self.contents:
            return read_toml(file, place=place, refusal=self.refusal)
        return parse_toml(file, self.contents[place], place=place, refusal=self.refusal)

    def tables(self, folder: str) -> list[Table]:
        """The files that lie directly in a folder, parsed."""
        return [self.table(place) for place in self.contents if str(PurePosixPath(place).parent) == folder]

    def locales(self) -> tuple[str, ...]:
        """The folders that hold files, each a locale."""
        return tuple(dict.fromkeys(place.split("/")[0] for place in self.contents if "/" in place))

    def texts(self) -> dict[str, str]:
        """Every file's text, for keeping."""
        return {place: content.decode("utf-8", "replace") for place, content in self.contents.items()}
