"""Alternatives of several windows are scored together, once, and only where there are any."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from koemori.models.rescoring import Rescorer
from koemori.models.scored_words import HeardText, TextScore, with_vocabulary
from koemori.models.types import Word
from koemori.models.vocabulary import Entry, EntryKind, Vocabulary

pytestmark = pytest.mark.unit

WORDS = Rescorer(
    Vocabulary(
        "test",
        "1",
        "",
        (Entry("小野寺", "おのでら", EntryKind.NAME), Entry("土下座", "どげざ", EntryKind.ABUSE)),
    )
)


def heard(text: str, probability: float = 0.5) -> HeardText:
    words = tuple(Word(sign, 100 * at, 100 * at + 100, probability) for at, sign in enumerate(text))
    return HeardText(words, np.full(len(text), probability))


class Scorer:
    """One token per character, each of the given probability; a token for a space before the text."""

    def __init__(self, probability: float, of_entry: float, spaces: int = 0) -> None:
        self.asked: list[Sequence[tuple[int, str]]] = []
        self._probability, self._of_entry, self._spaces = probability, of_entry, spaces

    def __call__(self, texts: Sequence[tuple[int, str]]) -> list[TextScore]:
        self.asked.append(texts)
        return [self._score(text) for _, text in texts]

    def _score(self, text: str) -> TextScore:
        of_signs = [self._of_entry if sign in "小野寺土下座" else self._probability for sign in text]
        of_bytes = [len(sign.encode()) for sign in text]
        return TextScore(
            np.array([1.0] * self._spaces + of_signs), np.array([1] * self._spaces + of_bytes, dtype=np.int64)
        )


def text_of(words: tuple[Word, ...]) -> str:
    return "".join(word.text for word in words)


def test_windows_without_alternatives_are_not_scored() -> None:
    score = Scorer(0.5, 0.5)
    rows = [heard("お待ちください"), heard("はい")]
    assert with_vocabulary(WORDS, rows, score) == [row.words for row in rows]
    assert score.asked == []


def test_windows_are_scored_together_and_each_gets_its_own_words() -> None:
    score = Scorer(0.5, 0.5)
    rows = [heard("はいおのでらです"), heard("はい"), heard("どげざしろ")]
    first, second, third = with_vocabulary(WORDS, rows, score)
    assert [text_of(words) for words in (first, second, third)] == ["はい小野寺です", "はい", "土下座しろ"]
    assert [word.heard for word in third] == ["どげざ", "", ""]
    (asked,) = score.asked
    assert {place for place, _ in asked} == {0, 2}


def test_a_text_that_the_audio_speaks_against_is_not_taken() -> None:
    rows = [heard("はいおのでらです", 0.9)]
    assert with_vocabulary(WORDS, rows, Scorer(0.9, 1e-12)) == [rows[0].words]


@pytest.mark.parametrize("spaces", [0, 2])
def test_a_words_probability_is_that_of_its_own_tokens(spaces: int) -> None:
    (words,) = with_vocabulary(WORDS, [heard("はいおのでらです")], Scorer(0.5, 0.25, spaces))
    (taken,) = [word for word in words if word.heard]
    assert (taken.text, taken.heard, taken.probability) == ("小野寺", "おのでら", 0.25)
    assert (taken.start_ms, taken.end_ms) == (200, 600)
