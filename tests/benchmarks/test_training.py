"""Training on a small corpus: reproducible, blind to the left-out author, and closed to what is sealed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from koemori.assist.playbooks.load import load_playbook
from koemori.assist.second_opinion import Thresholds, load_opinion
from koemori.assist.second_opinion.load import BUILT_IN
from koemori.assist.types import Category, Severity

from benchmarks.training import __main__ as command
from benchmarks.training.choosing import alerts, beside_from, choose
from benchmarks.training.corpus import AUTHORS, Row, read_corpus
from benchmarks.training.figures import figures
from benchmarks.training.fitting import fit_heads, read_sample
from benchmarks.training.leaving_out import hold_out

pytestmark = pytest.mark.integration

BAD = ("ろくでなしの{}め", "{}のくせに口答えか", "この役立たずの{}")
FINE = ("{}を注文したいです", "{}の色を教えてください", "{}の保証期間はどのくらいですか")
WRITERS = AUTHORS[:3]
THINGS = ("冷蔵庫", "自転車", "掃除機", "時計", "枕", "傘", "鍋", "靴", "机", "椅子", "棚", "窓")


def entry(number: int, author: str, text: str, bad: bool) -> dict[str, object]:
    return {
        "id": f"{author}{number}",
        "text": text,
        "speaker": "customer",
        "labels": ["verbal_abuse" if number % 2 else "threat"] if bad else ["ordinary"],
        "severity": (3 if number % 4 == 0 else 2) if bad else 0,
        "tags": [],
        "harassment": bad,
        "alert": bad,
        "provenance": "authored",
        "group": f"g{number}",
    }


@pytest.fixture(scope="module")
def small_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three authors with thirty-six bad and thirty-six harmless rows each."""
    root = tmp_path_factory.mktemp("corpus")
    (root / "authored").mkdir()
    kinds = ((BAD, True), (FINE, False))
    texts = [(form.format(thing), bad) for thing in THINGS for forms, bad in kinds for form in forms]
    for author in WRITERS:
        rows = [entry(number, author, text, bad) for number, (text, bad) in enumerate(texts)]
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (root / "authored" / f"utterances.{author}.jsonl").write_text(lines, encoding="utf-8")
    (root / "sealed").mkdir()
    (root / "sealed" / "utterances.jsonl").write_text("never read", encoding="utf-8")
    return root


def test_training_twice_gives_the_same_bytes(small_corpus: Path, tmp_path: Path) -> None:
    digests = []
    for name in ("first", "second"):
        model = tmp_path / name
        model.mkdir()
        report = command.train(small_corpus, model, tmp_path / f"{name}.json")
        digests.append((model / "weights.npz").read_bytes())
        opinion = load_opinion(model)
        assert opinion is not None
        judged = opinion.judge("ろくでなしの冷蔵庫め", [])
        harmless = opinion.judge("冷蔵庫の色を教えてください", [])
        assert judged is not None
        assert harmless is not None
        assert judged.alert > harmless.alert
    assert digests[0] == digests[1]
    assert report["left_out"]["all"]["with_opinion"]["recall"] > 0.9


def test_a_first_look_is_never_overwritten(small_corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    out.write_text(json.dumps({"first_look": {"kept": 1}, "left_out": "old"}), encoding="utf-8")
    command.train(small_corpus, tmp_path, out)
    kept = json.loads(out.read_text(encoding="utf-8"))
    assert kept["first_look"] == {"kept": 1}
    assert kept["left_out"] != "old"


def test_heads_have_not_read_the_author_they_score(small_corpus: Path) -> None:
    lexicon = load_playbook().lexicon
    sample = read_sample(read_corpus(lexicon, small_corpus), lexicon)
    held = hold_out(sample)
    assert set(held) == set(WRITERS)
    for author, part in held.items():
        assert {row.source for row in part.rows} == {author}
        without = fit_heads(sample, ~sample.from_sources(author))
        assert np.allclose(part.heads.weights, without.weights)
        assert not np.allclose(part.heads.weights[:, 0], fit_heads(sample, sample.all_rows).weights[:, 0])


def row(alert: bool, severity: int = 0, tags: frozenset[str] = frozenset()) -> Row:
    labels = frozenset({"threat"} if alert else ())
    return Row("r", "t", "a", "g", labels, severity, alert, tags)


def test_a_fair_complaint_in_rough_words_weighs_more_than_a_miss() -> None:
    rows = [row(True, 2), row(True, 2), row(False, tags=frozenset({"rough_fair"}))]
    chance = np.array([0.5, 0.5, 0.6])
    chosen = choose(rows, [(), (), ()], chance, chance)
    assert chosen.raise_from > 0.6
    plain = choose([row(True, 2), row(True, 2), row(False)], [(), (), ()], chance, chance)
    assert plain.raise_from < 0.5


@pytest.mark.parametrize(("category", "most"), [(Category.THREAT, 0.3), (Category.SELFHARM, 0.1)])
def test_rules_of_danger_are_vetoed_only_where_little_speaks_for_them(
    category: Category, most: float
) -> None:
    found = [((category, Severity.DANGER),)] * 2
    chosen = choose([row(False), row(True, 3)], found, np.array([0.6, 0.9]), np.array([0.1, 0.9]))
    limit = chosen.veto_selfharm_below if category is Category.SELFHARM else chosen.veto_danger_below
    assert limit == most


def test_a_danger_lost_weighs_ten_times_a_warning_lost() -> None:
    found = [((Category.THREAT, Severity.DANGER),)] * 4
    chance = np.array([0.1, 0.2, 0.2, 0.9])
    harmless = [row(False), row(False)]
    danger = choose([row(True, 3), *harmless, row(True, 3)], found, chance, chance)
    warning = choose([row(True, 2), *harmless, row(True, 3)], found, chance, chance)
    assert danger.veto_danger_below <= 0.1
    assert warning.veto_danger_below > 0.2


def test_each_threshold_acts_on_its_own_rows() -> None:
    found = [
        (),
        ((Category.THREAT, Severity.WARNING),),
        ((Category.THREAT, Severity.DANGER),),
        ((Category.SELFHARM, Severity.DANGER), (Category.THREAT, Severity.WARNING)),
    ]
    limits = Thresholds(
        raise_from=0.8,
        veto_below=0.4,
        veto_danger_below=0.05,
        veto_selfharm_below=0.02,
        danger_from=0.9,
        beside_from=0.7,
    )
    assert alerts(found, np.full(4, 0.5), limits).tolist() == [False, True, True, True]
    assert alerts(found, np.array([0.8, 0.3, 0.03, 0.03]), limits).tolist() == [True, False, False, True]


def test_a_further_category_is_named_from_where_seven_of_ten_are_right() -> None:
    chance = np.repeat([0.3, 0.6, 0.9], 10)
    applies = np.concatenate([np.arange(10) < right for right in (1, 6, 9)])
    assert 0.3 < beside_from(chance, applies) <= 0.6
    assert 0.6 < beside_from(chance, applies & (chance > 0.6)) <= 0.9


def test_figures_count_every_category_of_rows_with_several() -> None:
    several = Row("r", "t", "a", "g", frozenset({"threat", "money"}), 2, True, frozenset())
    found = figures([several, row(True, 2)], [frozenset({"threat", "sns"}), frozenset({"threat"})])
    assert (found["labels_precision"], found["labels_recall"]) == (0.6667, 0.6667)
    assert (found["labels_precision_several"], found["labels_recall_several"]) == (0.5, 0.5)


def test_figures_count_grey_rows_apart() -> None:
    rows = [row(True, 2), row(True, 3), row(False), row(False, 1)]
    decisions = [frozenset({"threat"}), frozenset(), frozenset({"money"}), frozenset({"threat"})]
    found = figures(rows, decisions)
    assert (found["precision"], found["recall"]) == (0.5, 0.5)
    assert found["category_right"] == 1.0
    assert found["false_alarms_plain"] == 1.0
    assert found["alerts_on_grey"] == 1.0


def test_evaluate_runs_the_whole_engine(small_corpus: Path) -> None:
    report = command.evaluate([small_corpus / "authored" / "utterances.a.jsonl"], load_opinion())
    found = report["utterances.a.jsonl"]
    assert found["rules"]["rows"] == found["with_opinion"]["rows"] == 72


def test_the_shipped_weights_fit_their_figures() -> None:
    """The left-out figures in the card are those of the result file that training wrote with it."""
    assert load_opinion() is not None
    result = json.loads(command.RESULTS.read_text(encoding="utf-8"))
    card = (BUILT_IN / "card.toml").read_text(encoding="utf-8")
    assert f"precision = {result['left_out']['all']['with_opinion']['precision']}" in card
