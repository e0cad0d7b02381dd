"""Whether a Japanese sentence is complete, by how it ends; data in `sentence_ends.toml`. Pure."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

from koemori.models.text import normalize


def is_complete(text: str) -> bool:
    """Whether a text ends as Japanese sentences end, by `sentence_ends.toml`."""
    spoken = normalize(text)
    if spoken in _ends("alone"):
        return True
    return spoken.endswith(_ends("complete")) and not spoken.endswith(_ends("open"))


@cache
def _ends(kind: str) -> tuple[str, ...]:
    file = resources.files(__package__).joinpath("sentence_ends.toml")
    return tuple(normalize(end) for end in tomllib.loads(file.read_text(encoding="utf-8"))[kind])
