"""Likeness of demands, with and without embeddings."""

from __future__ import annotations

import pytest
from koemori.assist import similarity

pytestmark = pytest.mark.unit


def test_near_verbatim_demands_overlap() -> None:
    assert similarity.overlap("早く返金してください", "だから早く返金してくださいよ") > 0.6
    assert similarity.overlap("早く返金してください", "住所変更をお願いします") < 0.3


def test_without_embeddings_there_is_no_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "_model", [None])
    assert similarity.meaning("返金して", "お金を返して") is None


def test_a_paraphrase_is_nearer_than_another_demand() -> None:
    near = similarity.meaning("返金してください", "お金を返してください")
    far = similarity.meaning("返金してください", "明日の天気はどうですか")
    assert near is not None
    assert far is not None
    assert near > far


def test_two_demands_are_embedded_in_one_pass_as_they_are_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = "配送を明日の午前に変えてほしい", "届く日を一日遅らせてもらえないか"
    apart = similarity.embed(first), similarity.embed(second)
    assert apart[0] is not None
    assert apart[1] is not None
    monkeypatch.setattr(similarity, "_embedded", {})
    together = similarity.meaning(first, second)
    assert together == pytest.approx(float(apart[0] @ apart[1]), abs=1e-5)
    assert list(similarity._embedded) == [first, second]


def test_only_the_newest_embeddings_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "_embedded", {})
    monkeypatch.setattr(similarity, "_MOST_EMBEDDED", 2)
    for text in ("返金して", "取り替えて", "説明して"):
        similarity.embed(text)
    assert list(similarity._embedded) == ["取り替えて", "説明して"]
