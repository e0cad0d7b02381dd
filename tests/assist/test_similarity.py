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
    similarity.embed.cache_clear()
    assert similarity.meaning("返金して", "お金を返して") is None
    similarity.embed.cache_clear()


def test_a_paraphrase_is_nearer_than_another_demand() -> None:
    near = similarity.meaning("返金してください", "お金を返してください")
    far = similarity.meaning("返金してください", "明日の天気はどうですか")
    assert near is not None
    assert far is not None
    assert near > far
