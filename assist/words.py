"""Words of an utterance as they were written, with their full part of speech.

The extractors need what `language.py` folds away for the detectors: katakana, the kind of proper noun,
and offsets in the text as it was said. Results are cached.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from koemori.assist.language import morphemes


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """One word; `start` and `end` are offsets in the text."""

    surface: str
    lemma: str
    """Normalized form: 「引越し」 and 「引っ越し」 are one."""
    kind: tuple[str, ...]
    """Part of speech, four levels: `("名詞", "固有名詞", "人名", "姓")`."""
    start: int
    end: int

    @property
    def is_surname(self) -> bool:
        """A family name, or a name of which the dictionary knows no more."""
        return self.kind[2] == "人名" and self.kind[3] in ("姓", "一般")

    @property
    def is_given_name(self) -> bool:
        """A given name."""
        return self.kind[2] == "人名" and self.kind[3] == "名"

    @property
    def is_place(self) -> bool:
        """A place name."""
        return self.kind[2] == "地名"

    @property
    def is_content(self) -> bool:
        """A word that carries meaning: noun, verb, adjective, and not a mere helper."""
        if self.kind[0] == "名詞":
            return self.kind[1] != "助動詞語幹"
        return self.kind[0] in ("動詞", "形容詞", "形状詞") and self.kind[1] != "非自立可能"


_SIGNS: Final = ("補助記号", "空白")


@lru_cache(maxsize=2048)
def words_of(text: str) -> tuple[SpokenWord, ...]:
    """The words of `text`, in order; punctuation and spaces are left out."""
    return tuple(SpokenWord(*parts) for parts in morphemes(text) if parts[2][0] not in _SIGNS)
