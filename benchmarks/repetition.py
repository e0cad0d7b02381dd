"""How well the same demand in other words is recognised: pairs of utterances, and whole calls.

    OMP_NUM_THREADS=1 python -m benchmarks.repetition

Writes `benchmarks/results/repetition.json`: the lexicon alone beside the lexicon with the demand topics that
ship. Pairs are judged with thresholds fitted on the other folds; none of their utterances was trained on.
Calls `developed_on` were looked at while the rules were written, calls `first_look` were not: their first
figures stay as they are. A cluster of four or more is found when one of four or more holds most of it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
from koemori.assist.context import CallView
from koemori.assist.demand_topics import load_demand_topics
from koemori.assist.demand_topics.model import DemandTopics
from koemori.assist.demands import DemandReader
from koemori.assist.detectors.repetition import RepetitionDetector
from koemori.assist.playbooks.lexicon import Lexicon
from koemori.assist.playbooks.load import load_playbook
from koemori.assist.second_opinion.features import features_of
from koemori.assist.similarity import content_words, embed
from koemori.assist.types import CallFacts, Heard, Repetition
from koemori.audio.call import ChannelRole
from sklearn.model_selection import StratifiedKFold

from benchmarks.training.corpus import CORPUS
from benchmarks.training.demands import Pair, best_pair_limits, read_demands, read_pairs

RESULTS: Final = Path(__file__).parent / "results" / "repetition.json"
_ALERTING: Final = 4
_FOLDS: Final = 5
_DEVELOPED_ON: Final = frozenset({f"k{number:02d}" for number in range(1, 11)} | {"k15", "k16"})
"""Of the calls under `authored`; those of `calls` were all looked at. k15 was, after the first look."""


@dataclass
class Tally:
    """Counts over calls."""

    gold: int = 0
    found: int = 0
    invented: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    pairs: int = 0
    pairs_found: int = 0
    pairs_claimed: int = 0

    def figures(self) -> dict[str, Any]:
        """As they are reported."""
        return {
            "clusters_of_4": self.gold,
            "found": self.found,
            "missed": self.missed,
            "invented": self.invented,
            "gold_pairs": self.pairs,
            "gold_pairs_found": self.pairs_found,
            "pairs_claimed": self.pairs_claimed,
        }


def main() -> int:
    """Measure and write."""
    lexicon, model = load_playbook().lexicon, load_demand_topics()
    assert model is not None
    readers = {"lexicon": DemandReader(lexicon, None), "with_topics": DemandReader(lexicon, model)}
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    calls = read_calls()
    groups = {
        name: [call for call in calls if group_of(call) == name] for name in ("developed_on", "first_look")
    }
    found = {
        name: {
            text: {kind: score(of, lexicon, reader, text) for kind, reader in readers.items()}
            for text in ("text", "text_asr")
        }
        for name, of in groups.items()
    }
    result = {
        "command": "OMP_NUM_THREADS=1 python -m benchmarks.repetition",
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "model_version": model.version,
        "pairs": score_pairs(lexicon, model),
        "calls": found,
        "first_look": before.get("first_look", found["first_look"]),
        "cost_ms": cost_ms(calls, lexicon, model),
    }
    RESULTS.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, ensure_ascii=False, indent=1))
    return 0


def read_calls() -> list[dict[str, Any]]:
    """The scripted calls of both folders."""
    files = [*sorted(CORPUS.glob("calls/c*.json")), *sorted(CORPUS.glob("authored/calls/k*.json"))]
    return [json.loads(path.read_text(encoding="utf-8")) for path in files]


def group_of(call: dict[str, Any]) -> str:
    """Whether the call was looked at while this was written."""
    seen = call["id"].startswith("c") or call["id"] in _DEVELOPED_ON
    return "developed_on" if seen else "first_look"


def clusters_of(call: dict[str, Any], lexicon: Lexicon, reader: DemandReader, text: str) -> list[set[int]]:
    """Turns of each repeated demand, as the detector counts them."""
    view = CallView(CallFacts(call["id"]))
    detector = RepetitionDetector(view.facts, lexicon, reader)
    clusters: dict[str, set[int]] = {}
    for heard in heard_in(call, text):
        view.heard.append(heard)
        for event in detector.observe(heard, view):
            if isinstance(event, Repetition):
                clusters[event.cluster_id] = {int(name) for name in event.utterance_ids}
    return list(clusters.values())


def heard_in(call: dict[str, Any], text: str) -> Iterator[Heard]:
    """The call's turns, as they are heard."""
    for turn in call["turns"]:
        start_ms, end_ms = round(turn["start"] * 1000), round(turn["end"] * 1000)
        yield Heard(str(turn["i"]), ChannelRole(turn["speaker"]), start_ms, end_ms, turn[text])


def score(
    calls: Iterable[dict[str, Any]], lexicon: Lexicon, reader: DemandReader, text: str
) -> dict[str, Any]:
    """Clusters and pairs of these calls against the truth."""
    tally = Tally()
    for call in calls:
        got = clusters_of(call, lexicon, reader, text)
        gold = [set(cluster["turns"]) for cluster in call["gold"]["repetition_clusters"]]
        large = [turns for turns in gold if len(turns) >= _ALERTING]
        alerting = [turns for turns in got if len(turns) >= _ALERTING]
        hit = [turns for turns in large if any(2 * len(turns & one) > len(turns) for one in alerting)]
        tally.gold += len(large)
        tally.found += len(hit)
        tally.missed += [call["id"]] * (len(large) - len(hit))
        true = [one for one in alerting if any(2 * len(turns & one) > len(turns) for turns in large)]
        tally.invented += [call["id"]] * (len(alerting) - len(true))
        wanted, claimed = pairs_in(gold), pairs_in(got)
        tally.pairs += len(wanted)
        tally.pairs_found += len(wanted & claimed)
        tally.pairs_claimed += len(claimed)
    return tally.figures()


def pairs_in(clusters: Iterable[set[int]]) -> set[tuple[int, int]]:
    """Every two turns of one cluster."""
    return {pair for turns in clusters for pair in combinations(sorted(turns), 2)}


def score_pairs(lexicon: Lexicon, model: DemandTopics) -> dict[str, Any]:
    """Precision, recall and F1 of "the same demand"."""
    pairs = read_pairs(read_demands())
    truly = np.array([pair.same for pair in pairs])
    judged = np.zeros(len(pairs), dtype=np.bool_)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    for fitted, left in folds.split(truly, truly):
        limits = best_pair_limits([pairs[i] for i in fitted], model.weights, model.thresholds.topic_from)
        limits = replace(limits, topic_from=model.thresholds.topic_from)
        reader = DemandReader(lexicon, DemandTopics(model.version, model.weights, limits))
        judged[left] = same_in([pairs[i] for i in left], reader)
    return {
        "pairs": len(pairs),
        "same": int(truly.sum()),
        "lexicon": figures(np.array(same_in(pairs, DemandReader(lexicon, None))), truly),
        "with_topics": figures(judged, truly),
        "with_shipped_thresholds": figures(np.array(same_in(pairs, DemandReader(lexicon, model))), truly),
    }


def same_in(pairs: Sequence[Pair], reader: DemandReader) -> list[bool]:
    """Which pairs the reader takes for the same demand."""
    return [reader.same(reader.read(pair.first), reader.read(pair.second)) for pair in pairs]


def figures(judged: np.ndarray[Any, Any], truly: np.ndarray[Any, Any]) -> dict[str, float]:
    """Precision, recall and their mean."""
    right = int((judged & truly).sum())
    precision, recall = right / max(1, int(judged.sum())), right / int(truly.sum())
    return {
        "precision": round(precision, 3),
        "recall": round(recall, 3),
        "f1": round(2 * precision * recall / max(1e-9, precision + recall), 3),
    }


def cost_ms(calls: Sequence[dict[str, Any]], lexicon: Lexicon, model: DemandTopics) -> dict[str, float]:
    """Mean time the detector takes for a customer's utterance of which the n-grams were read before."""
    models = {"lexicon": None, "with_topics": DemandTopics(model.version, model.weights, model.thresholds)}
    texts = sum(turn["speaker"] == "customer" for call in calls for turn in call["turns"])
    found: dict[str, float] = {"utterances": texts}
    for name, one in models.items():
        for cache in (embed, content_words):
            cache.cache_clear()
        spent = sum(_time_of(call, lexicon, DemandReader(lexicon, one)) for call in calls)
        found[name] = round(1000 * spent / texts, 3)
    return found


def _time_of(call: dict[str, Any], lexicon: Lexicon, reader: DemandReader) -> float:
    view, spent = CallView(CallFacts(call["id"])), 0.0
    detector = RepetitionDetector(view.facts, lexicon, reader)
    for heard in heard_in(call, "text_asr"):
        view.heard.append(heard)
        features_of(heard.text)
        started = time.perf_counter()
        detector.observe(heard, view)
        spent += time.perf_counter() - started
    return spent


if __name__ == "__main__":
    raise SystemExit(main())
