"""A trimmed model answers in the numbers of its source, and spells what it has no token for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from koemori.models.trimmed_whisper import Generated, TrimmedWhisper

pytestmark = pytest.mark.unit

TEXTS = ["a", "b", "c", "ab", "abc", "bca", "<|end|>", "<|ja|>"]
KEPT = (0, 1, 2, 3, 6, 7)


@dataclass
class Model:
    """Notes what it is asked; answers with its second token."""

    asked: list[Any] = field(default_factory=list)

    def generate(self, encoded: str, prompts: list[list[int]], **options: Any) -> list[Generated]:
        self.asked.append((encoded, prompts, options))
        return [Generated([[3, 5]], [-0.5], 0.1) for _ in prompts]

    def align(self, *arguments: Any) -> str:
        self.asked.append(arguments)
        return "alignment"


def trimmed(model: Model) -> TrimmedWhisper:
    return TrimmedWhisper(model, KEPT, TEXTS.__getitem__)


def test_numbers_are_the_models_on_the_way_in_and_the_sources_on_the_way_out() -> None:
    model = Model()
    came = trimmed(model).generate("audio", [[7, 4, 1]], suppress_tokens=[4, 6], beam_size=5)
    assert model.asked == [("audio", [[5, 1]], {"suppress_tokens": [4], "beam_size": 5})]
    assert came == [Generated([[3, 7]], [-0.5], 0.1)]


def test_alignment_is_asked_in_the_models_numbers() -> None:
    model = Model()
    assert trimmed(model).align("audio", (6, 7), [[0, 3], []], [80, 90]) == "alignment"
    assert model.asked == [("audio", [4, 5], [[0, 3], []], [80, 90])]


def test_a_token_that_was_left_out_is_spelled_in_the_longest_pieces() -> None:
    whisper = trimmed(Model())
    assert whisper.spelled([7, 4, 2, 5]) == [7, 3, 2, 2, 1, 2, 0]
