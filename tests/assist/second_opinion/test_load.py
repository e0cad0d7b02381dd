"""The model is read only where card, weights and features fit together."""

from __future__ import annotations

import hashlib
import io
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from koemori.assist.errors import OpinionError
from koemori.assist.second_opinion import load_opinion
from koemori.assist.second_opinion.load import BUILT_IN
from koemori.assist.second_opinion.stored import CARD, WEIGHTS

pytestmark = pytest.mark.unit


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the shipped model."""
    for name in (CARD, WEIGHTS):
        shutil.copy(BUILT_IN / name, tmp_path)
    return tmp_path


def edit_card(model: Path, change: Callable[[str], str]) -> None:
    card = model / CARD
    before = card.read_text(encoding="utf-8")
    after = change(before)
    assert after != before
    card.write_text(after, encoding="utf-8")


def test_the_shipped_model_is_read_once() -> None:
    opinion = load_opinion()
    assert opinion is not None
    assert load_opinion() is opinion
    assert (BUILT_IN / WEIGHTS).stat().st_size <= 3_000_000


@pytest.mark.parametrize("name", [CARD, WEIGHTS])
def test_a_missing_file_leaves_the_rules_alone_and_is_logged_once(
    model: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    (model / name).unlink()
    with caplog.at_level(logging.WARNING):
        assert load_opinion(model) is None
        assert load_opinion(model) is None
    assert [record.message for record in caplog.records] == [
        "no second opinion: its card or its weights are missing; the rules judge alone"
    ]


def test_weights_of_another_digest_are_refused(model: Path) -> None:
    (model / WEIGHTS).write_bytes((model / WEIGHTS).read_bytes() + b"\0")
    with pytest.raises(OpinionError, match="sha256"):
        load_opinion(model)


def test_a_model_for_other_features_is_refused(model: Path) -> None:
    edit_card(model, lambda text: text.replace("features_version = ", "features_version = 9"))
    with pytest.raises(OpinionError, match="features_version"):
        load_opinion(model)


def test_a_card_that_is_no_toml_is_refused(model: Path) -> None:
    (model / CARD).write_text("[", encoding="utf-8")
    with pytest.raises(OpinionError, match="TOML"):
        load_opinion(model)


def test_a_threshold_beyond_one_is_refused(model: Path) -> None:
    edit_card(model, lambda text: text.replace("raise_from = 0", "raise_from = 7"))
    with pytest.raises(OpinionError, match="raise_from"):
        load_opinion(model)


def test_an_unknown_category_is_refused(model: Path) -> None:
    edit_card(model, lambda text: text.replace('"violence"', '"weather"'))
    with pytest.raises(OpinionError, match="heads"):
        load_opinion(model)


def replace_weights(model: Path, raw: bytes) -> None:
    old = hashlib.sha256((model / WEIGHTS).read_bytes()).hexdigest()
    (model / WEIGHTS).write_bytes(raw)
    edit_card(model, lambda text: text.replace(old, hashlib.sha256(raw).hexdigest()))


def test_weights_of_another_shape_are_refused(model: Path) -> None:
    with np.load(model / WEIGHTS) as stored:
        arrays = dict(stored)
    arrays["bias"] = arrays["bias"][:-1]
    target = io.BytesIO()
    np.savez(target, **arrays)
    replace_weights(model, target.getvalue())
    with pytest.raises(OpinionError, match="bias"):
        load_opinion(model)


def test_pickled_weights_are_never_unpickled(model: Path) -> None:
    with np.load(model / WEIGHTS) as stored:
        arrays = dict(stored)
    arrays["bias"] = np.array([{"a": 1}], dtype=object)
    target = io.BytesIO()
    np.savez(target, **arrays)
    replace_weights(model, target.getvalue())
    with pytest.raises(OpinionError, match=WEIGHTS):
        load_opinion(model)
