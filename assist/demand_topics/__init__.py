"""What a customer asks for, read from the words as a whole: demands in words that the lexicon does not know.

`card.toml` is the model's card; `python -m benchmarks.training train-demands` makes card and weights anew.
"""

from __future__ import annotations

from koemori.assist.demand_topics.load import load_demand_topics
from koemori.assist.demand_topics.model import DemandTopics, Reading

__all__ = ["DemandTopics", "Reading", "load_demand_topics"]
