"""Training of the demand topics on a small corpus: reproducible, and tested on pairs it has not read."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from koemori.assist.demand_topics import load_demand_topics

from benchmarks.repetition import pairs_in
from benchmarks.training.demands import read_demands, read_pairs, train_demands

pytestmark = pytest.mark.integration

FORMS = {
    "refund": ("{}のお金を返して", "{}の代金を戻してください", "{}の分を返金してほしい"),
    "cancel": ("{}を解約したい", "{}の契約をやめます", "{}は取り消してください"),
    None: ("{}は青いです", "{}を先週買いました", "{}が届きました"),
}
THINGS = ("冷蔵庫", "自転車", "掃除機", "時計", "枕", "傘", "鍋", "靴", "机", "椅子")


@pytest.fixture(scope="module")
def small_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty rows of each kind, and two pairs, one of them with a row's text."""
    root = tmp_path_factory.mktemp("corpus")
    (root / "authored").mkdir()
    rows = [
        {"text": form.format(thing), "topics": [topic] if topic else []}
        for topic, forms in FORMS.items()
        for form in forms
        for thing in THINGS
    ]
    pairs = [
        {"first": "棚のお金を返して", "second": "棚の分を戻して", "same_demand": True},
        {"first": rows[0]["text"], "second": "棚を解約したい", "same_demand": False},
    ]
    for name, entries in (("demands", rows), ("pairs", pairs)):
        lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
        (root / "authored" / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return root


def test_training_twice_gives_the_same_model_which_reads_new_things(
    small_corpus: Path, tmp_path: Path
) -> None:
    models = [tmp_path / name for name in ("first", "second")]
    for model in models:
        model.mkdir()
        report = train_demands(small_corpus, model, date(2026, 11, 22))
    assert len({(model / "weights.npz").read_bytes() for model in models}) == 1
    assert len({(model / "card.toml").read_text(encoding="utf-8") for model in models}) == 1
    assert report["left_out"]["f1"] > 0.9
    topics = load_demand_topics(models[0])
    assert topics is not None
    reading = topics.read("棚の代金を返して")
    assert reading is not None
    assert reading.topics == {"refund"}


def test_pairs_with_a_text_that_was_trained_on_are_left_out(small_corpus: Path) -> None:
    (pair,) = read_pairs(read_demands(small_corpus), small_corpus)
    assert pair.second == "棚の分を戻して"


def test_pairs_of_clusters_are_counted_once() -> None:
    assert pairs_in([{1, 5, 3}, {5, 3}]) == {(1, 3), (1, 5), (3, 5)}
