"""A trimmed Whisper behind the token numbers of its source, which tokenizers know."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True, slots=True)
class Generated:
    """What CTranslate2 answers, in the numbers of the source."""

    sequences_ids: list[list[int]]
    scores: list[float]
    no_speech_prob: float


class TrimmedWhisper:
    """`generate` and `align` of CTranslate2's Whisper, for a model that `koemori.models.trim` made.

    Args:
        model: CTranslate2's model.
        kept: The source's number of each of its tokens.
        text_of: A token's text in the tokenizer's byte-level alphabet: one character for each byte.
    """

    def __init__(self, model: Any, kept: Sequence[int], text_of: Callable[[int], str]) -> None:
        self._model = model
        self._kept = kept
        self._text_of = text_of
        self._place = {number: index for index, number in enumerate(kept)}

    def generate(
        self, encoded: Any, prompts: list[list[int]], *, suppress_tokens: list[int], **options: Any
    ) -> list[Generated]:
        """As the model does it; a prompt's words in other scripts are left out."""
        results = self._model.generate(
            encoded,
            [self._placed(prompt) for prompt in prompts],
            suppress_tokens=self._placed(suppress_tokens),
            **options,
        )
        return [
            Generated(
                [[self._kept[token] for token in sequence] for sequence in result.sequences_ids],
                result.scores,
                result.no_speech_prob,
            )
            for result in results
        ]

    def align(self, encoded: Any, start: Sequence[int], tokens: list[list[int]], frames: list[int]) -> Any:
        """As the model does it; for tokens that it has, see `spelled`."""
        return self._model.align(encoded, self._placed(start), [self._placed(row) for row in tokens], frames)

    def spelled(self, tokens: Sequence[int]) -> list[int]:
        """The same text without the tokens that were left out: each in the longest pieces that are there."""
        out: list[int] = []
        for token in tokens:
            if token in self._place:
                out.append(token)
                continue
            text = self._text_of(token)
            while text:
                # Every single byte is there.
                end = next(end for end in range(len(text), 0, -1) if text[:end] in self._pieces)
                out.append(self._pieces[text[:end]])
                text = text[end:]
        return out

    @cached_property
    def _pieces(self) -> dict[str, int]:
        return {self._text_of(number): number for number in self._kept}

    def _placed(self, tokens: Sequence[int]) -> list[int]:
        return [self._place[token] for token in tokens if token in self._place]
