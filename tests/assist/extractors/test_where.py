"""Where it happened."""

from __future__ import annotations

import pytest
from koemori.assist.extractors.where import WhereExtractor
from koemori.assist.types import CallFacts

from tests.fakes.conversation import read, shipped_playbook

pytestmark = pytest.mark.unit


def where(*turns: tuple[str, str]) -> str | None:
    proposal = read(WhereExtractor(CallFacts("c"), shipped_playbook()), *turns).get("where")
    return None if proposal is None else proposal.value


def test_a_house_and_a_room_said_apart_make_one_place() -> None:
    script = [
        ("a", "昨日の夜から、ご自宅で無線ルーターがつながらないということでございますね。"),
        ("c", "書斎のルーターだよ。"),
    ]
    assert where(*script) == "自宅の書斎"


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("駅前店で受け取ったコートなんだけど", "駅前店"),
        ("自宅の台所で使ってました", "自宅の台所"),
        ("川崎市の方に移ります", "川崎市"),
    ],
)
def test_a_place_is_read(said: str, place: str) -> None:
    assert where(("c", said)) == place


@pytest.mark.parametrize(
    "said", ["うちの組の顔が立つようにしろ", "店員の態度が悪い", "店長を出せ", "都市ガスの件です"]
)
def test_words_that_only_look_like_places_are_none(said: str) -> None:
    assert where(("c", said)) is None
