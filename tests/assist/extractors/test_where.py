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


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("船橋の新居の廊下の壁なんですけど", "船橋の新居の廊下"),
        ("厚木の、柳橋です", "厚木の柳橋"),
        ("怖くて子ども部屋に置けないので", "自宅の子ども部屋"),
        ("寝室で使ってます", "自宅の寝室"),
        ("君の会社の便など", None),
    ],
)
def test_towns_rooms_and_other_peoples_firms(said: str, place: str | None) -> None:
    assert where(("c", said)) == place


def test_a_shop_that_delivers_is_named_beside_the_home() -> None:
    said = "戸塚店からご自宅へお届けした特上にぎりでございますね。"
    assert where(("a", said)) == "自宅(戸塚店)"


def test_no_home_has_a_counter_and_a_phone_is_no_place() -> None:
    assert where(("c", "きのう受付で二時間待たされた"), ("c", "自宅は06の0140の3390")) == "受付"


def test_a_town_and_its_shop_are_one_place() -> None:
    assert where(("c", "先月、川越の店で買いました")) == "川越の店"


def test_where_a_lost_thing_was_found_is_not_where_the_trouble_was() -> None:
    turns = [
        ("c", "荷物が届かない"),
        ("a", "お調べします"),
        ("c", "はい"),
        ("a", "いかがですか"),
        ("c", "ええ"),
    ]
    assert where(*turns, ("c", "父が受け取って玄関に置いてたそうです")) is None


@pytest.mark.parametrize(
    "said",
    ["会社の保険に入ったんです。", "普通の和室になってるんですよ。", "実家から通うとるんか。"],
)
def test_what_belongs_to_a_place_or_became_one_is_none(said: str) -> None:
    assert where(("c", said)) is None


def test_a_weak_place_late_in_the_call_needs_the_trouble_beside_it() -> None:
    script = [("c", "はい。"), ("a", "はい。")] * 3
    assert where(*script, ("c", "家で話します。")) is None
    assert where(*script, ("c", "家で転んで腫れたんです。")) == "自宅"


def test_a_room_is_named_with_its_kind_and_a_wish_to_book_is_no_visit() -> None:
    assert where(("c", "羽田空港の到着ロビーで気がついたんです。")) == "羽田空港の到着ロビー"
    assert where(("a", "表参道サロンでございます。"), ("c", "明日の予約したいんだけど。")) is None
