"""How a Japanese sentence ends on the telephone."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.models.sentence_ends import is_complete

pytestmark = pytest.mark.unit

DATA = tomllib.loads(
    resources.files("koemori.models").joinpath("sentence_ends.toml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(
    "text",
    [
        "はい",
        "はい。",
        "ええ、",
        "なるほど",
        "お電話ありがとうございます。",
        "契約番号は一二三四です。",
        "いつ届きますか?",
        "責任者を出せよ!",
        "少々お待ちください",
        " 申し訳ございません 。",
    ],
)
def test_a_back_channel_or_a_final_form_is_complete(text: str) -> None:
    assert is_complete(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "。",
        "昨日注文したんですけど",
        "まだ届いていないので、",
        "電話したのに",
        "えっと",
        "契約番号は",
        "小野寺と申しますが",
        "それで",
        "はい契約は",
    ],
)
def test_a_thought_that_may_go_on_is_open(text: str) -> None:
    assert not is_complete(text)


@pytest.mark.parametrize("end", DATA["open"])
def test_an_open_end_is_open_after_any_words(end: str) -> None:
    assert not is_complete(f"昨日の話{end}")


@pytest.mark.parametrize("end", DATA["complete"])
def test_every_complete_end_completes_a_sentence(end: str) -> None:
    assert is_complete(f"昨日の話{end}。")


def test_the_data_say_what_they_are_and_repeat_nothing() -> None:
    assert DATA["id"]
    assert DATA["version"]
    assert DATA["source"]
    for kind in ("alone", "complete", "open"):
        assert len(set(DATA[kind])) == len(DATA[kind])
    assert not set(DATA["open"]) & {*DATA["complete"], *DATA["alone"]}


@given(st.text(max_size=12), st.sampled_from(["", "。", "、", "?", "!", " ", "…", "。。"]))
def test_punctuation_and_spaces_do_not_matter(text: str, mark: str) -> None:
    assert is_complete(text + mark) == is_complete(text)
