"""The demand topics: what they read, and that files which do not fit are refused."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from koemori.assist.demand_topics import DemandTopics, Reading, load_demand_topics
from koemori.assist.demand_topics.load import BUILT_IN
from koemori.assist.errors import OpinionError
from koemori.assist.second_opinion.stored import CARD, WEIGHTS

pytestmark = pytest.mark.unit


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the shipped model."""
    for name in (CARD, WEIGHTS):
        shutil.copy(BUILT_IN / name, tmp_path)
    return tmp_path


def shipped() -> DemandTopics:
    topics = load_demand_topics()
    assert topics is not None
    return topics


def test_the_shipped_model_is_small_and_read_once() -> None:
    assert load_demand_topics() is shipped()
    assert (BUILT_IN / WEIGHTS).stat().st_size <= 2_000_000


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("その手数料、チャラにしてくれ", "waive"),
        ("録音を聞かせてください", "disclose"),
        ("アカウントを消してください", "delete"),
    ],
)
def test_a_demand_has_its_topic(text: str, topic: str) -> None:
    reading = shipped().read(text)
    assert reading is not None
    assert reading.topics == {topic}
    assert reading.asks > 0.9
    assert 0 <= reading.probabilities.sum() <= 1.0001


@pytest.mark.parametrize("text", ["名前は佐藤です", "不良品を送りつけてひどい会社だ", "今日は寒いですね"])
def test_no_demand_has_none(text: str) -> None:
    reading = shipped().read(text)
    assert reading is not None
    assert not reading.topics
    assert reading.asks < 0.5


def likely(topic: str, probability: float) -> Reading:
    """A reading with this topic at this probability and no other."""
    names = shipped().weights.topics[:-1]
    return Reading(frozenset(), 1.0, np.array([probability * (name == topic) for name in names], np.float32))


@pytest.mark.parametrize(("topic", "is_broad"), [("waive", False), ("refund", False), ("change", True)])
def test_a_broad_wish_of_which_it_is_not_sure_needs_the_same_thing_named(topic: str, is_broad: bool) -> None:
    model, one = shipped(), likely(topic, 0.42)
    assert model.same(one, one, name_the_same=True)
    assert model.same(one, one, name_the_same=False) is not is_broad
    assert model.same(likely(topic, 0.9), one, name_the_same=False)


def test_readings_without_a_common_topic_differ() -> None:
    one, other = likely("waive", 0.9), likely("refund", 0.9)
    assert not shipped().same(one, other, name_the_same=True)
    assert shipped().differ(one, other)


def test_words_it_never_met_are_left_to_the_lexicon() -> None:
    assert shipped().read("…") is None


@pytest.mark.parametrize("name", [CARD, WEIGHTS])
def test_without_files_the_lexicon_reads_alone(
    model: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    (model / name).unlink()
    with caplog.at_level(logging.WARNING):
        assert load_demand_topics(model) is None
    assert "the lexicon reads demands alone" in caplog.text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("features_version = ", "features_version = 9"),
        ('sha256 = "', 'sha256 = "0'),
        ('"nothing"]', '"anything"]'),
        ('"waive", ', ""),
        ("topic_from = 0", "topic_from = 7"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(model: Path, old: str, new: str) -> None:
    card = model / CARD
    before = card.read_text(encoding="utf-8")
    assert old in before
    card.write_text(before.replace(old, new), encoding="utf-8")
    with pytest.raises(OpinionError):
        load_demand_topics(model)
