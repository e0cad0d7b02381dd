"""A statistical second opinion on the customer's words: raises what no rule knows, tempers false alarms.

`card.toml` is the model's card; `python -m benchmarks.training train` makes card and weights anew.
"""

from __future__ import annotations

from koemori.assist.second_opinion.load import load_opinion
from koemori.assist.second_opinion.model import Judgement, SecondOpinion, Thresholds

__all__ = ["Judgement", "SecondOpinion", "Thresholds", "load_opinion"]
