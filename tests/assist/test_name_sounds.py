"""Names spelled by ear, and the family names that they sound like."""

from __future__ import annotations

import pytest
from koemori.assist.name_mentions import NameMentions, is_certain, is_plausible
from koemori.assist.name_sounds import NameMention, agreed_name, begins_alike, sounds_alike, spelled_family

pytestmark = pytest.mark.unit


def agreed(*mentions: tuple[str, bool]) -> str | None:
    found = agreed_name([NameMention(text, whole) for text, whole in mentions])
    return None if found is None else found.family.written + found.given


@pytest.mark.parametrize(
    ("mentions", "name"),
    [
        ([("いけざきよきとのおじ", False), ("いけだ", True)], "池田"),
        ([("キムダ予告を", False), ("きむだ", True)], "木村"),
        ([("わたふみぽ", False), ("わだ", True)], "和田フミコ"),
        ([("2シダ", False), ("にしだ", True)], "西田"),
        ([("マスモト", True)], "松本"),
    ],
)
def test_mentions_that_sound_like_one_family_name_are_taken_for_it(
    mentions: list[tuple[str, bool]], name: str
) -> None:
    assert agreed(*mentions) == name


@pytest.mark.parametrize(
    "mentions",
    [
        [("ドダ", False)],
        [("なかかし", False)],
        [("ハトウ", True)],
        [("おかしいだろ", False)],
        [("駆け駆り駆け駆け", False), ("はてがま", True)],
        [("", True)],
        [("あ" * 40, False)],
    ],
)
def test_no_name_is_made_of_what_is_only_somewhat_like_one(mentions: list[tuple[str, bool]]) -> None:
    assert agreed(*mentions) is None


def test_one_mention_in_the_words_of_something_else_needs_another() -> None:
    written = NameMention("続き見先", False, name=False)
    assert agreed_name([written]) is None
    found = agreed_name([written, NameMention("つづき", True)])
    assert found is not None
    assert (found.family.written, found.mentions, found.called) == ("都築", 2, True)


def test_a_given_name_that_may_be_two_is_left_out() -> None:
    assert agreed(("おのよし", False), ("おの", True)) == "小野"


def test_figures_in_a_name_are_read_as_sounds() -> None:
    assert sounds_alike("石橋7", "石橋奈々")
    assert not sounds_alike("石橋7", "石橋")
    assert begins_alike("石橋奈々", "いしばし")
    assert not begins_alike("石橋奈々", "")


def test_the_commonest_spelling_stands_for_a_sound() -> None:
    family = spelled_family("きくち")
    assert family is not None
    assert family.written == "菊池"
    assert spelled_family("ぽんぽん") is None


@pytest.mark.parametrize(
    ("text", "asked", "name"),
    [
        ("ニシダだけど、先週のコートの件で", False, "西田"),
        ("くどう言うもの焼けどな", False, "工藤"),
        ("お願いします。石田7です。80の5050の1517", False, "石田ナナ"),
        ("はい、ナカヤマケイコです。", True, "中山ケイコ"),
        ("名前なんかいいでしょ。とにかく聞いてよ。", True, None),
        ("早くしてください", True, None),
        ("上の者を出せ", True, None),
        ("おかしいんですけど", False, None),
    ],
)
def test_the_caller_says_the_name_when_asked_before_a_number_or_in_greeting(
    text: str, asked: bool, name: str | None
) -> None:
    mentions = NameMentions()
    mentions.said("u1", text, asked)
    found = mentions.agreed
    assert (None if found is None else found.family.written + found.given) == name


@pytest.mark.parametrize(
    "text", ["お客様、お待たせいたしました", "皆様に、おきゃくさまに", "お疲れさまです", "どなた様でしょうか"]
)
def test_what_agents_call_anybody_is_no_mention(text: str) -> None:
    mentions = NameMentions()
    mentions.called("u1", text)
    assert mentions.agreed is None
    assert mentions.utterance_ids == ()


def test_only_the_newest_mentions_are_kept() -> None:
    mentions = NameMentions()
    for number in range(20):
        mentions.called(f"u{number}", "いけださま、少々お待ちください")
    assert len(mentions.utterance_ids) == 8


def test_names_are_told_from_words() -> None:
    assert is_certain("勅使河原")
    assert not is_certain("にしだ")
    assert is_plausible("にしだ")
    assert not is_plausible("ごまがひ")
    assert not is_plausible("昨日目")
