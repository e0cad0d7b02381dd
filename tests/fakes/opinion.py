"""A second opinion that is as sure as a test wants, whatever was said."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

from koemori.assist.second_opinion import Judgement, SecondOpinion, Thresholds
from koemori.assist.second_opinion.model import RuleFinding
from koemori.assist.types import Category


class FixedOpinion(SecondOpinion):
    """Gives every utterance the same probability."""

    def __init__(self, probability: float) -> None:
        self.version = "test"
        self.thresholds = Thresholds(
            raise_from=0.84,
            veto_below=0.82,
            veto_danger_below=0.1,
            veto_selfharm_below=0.1,
            danger_from=0.85,
            beside_from=1.0,
        )
        self.probability = probability

    def judge(self, text: str, found: Sequence[RuleFinding]) -> Judgement | None:
        judged = SimpleNamespace(
            alert=self.probability,
            danger=0.1,
            category=Category.THREAT,
            beside=None,
            beside_probability=0.0,
            text=text,
        )
        return cast("Judgement", judged)

    def telling_clause(self, judgement: Judgement, category: Category) -> str:
        return str(cast("SimpleNamespace", judgement).text)
