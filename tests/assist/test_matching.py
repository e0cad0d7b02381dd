"""The pattern language."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.assist.language import analyze
from koemori.assist.matching import Matcher, PatternCompiler, PatternSyntaxError

pytestmark = pytest.mark.unit

_CLASSES = {"you": ["お前", "あんた"], "strike": ["{殴る}", "{蹴る}"]}
_CONFUSIONS = {"誠意": ["正義"]}


def found(pattern: str, text: str) -> list[str]:
    """The words a pattern finds in a text."""
    compiler = PatternCompiler(_CLASSES, _CONFUSIONS)
    patterns = compiler.compile(pattern)
    matcher = Matcher(analyze(text), compiler.index())
    return [matcher.analysis.quote(*span) for p in patterns for span in matcher.find(p)]


@pytest.mark.parametrize(
    ("pattern", "text", "quote"),
    [
        ("土下座 しろ|せえ", "土下座をしろよ", "土下座をしろ"),
        ("土下座 しろ", "どげ座しろ", None),
        ("土下座", "どげざだよ", "どげざ"),
        ("<you> ~ <strike>", "お前なんか殴ってやる", "お前なんか殴っ"),
        ("誠意 見せ", "正義を見せろ", "正義を見せ"),
        ("金+出せ", "金を出せ", None),
        ("金+出せ", "金出せ", "金出せ"),
        ("もう? 死ぬ しか", "死ぬしかない", "死ぬしか"),
        ("^死ね$", "死ねよ 早く", "死ね"),
        ("^死ね$", "もう引っ越しですしね", None),
        ("ばか", "そればかり言う", None),
        ("*ばか*", "そればかり言う", "ばか"),
        ("=最期", "最後の質問です", None),
        ("家族 ~~ どうなっても", "家族がこれから先どうなってもいいのか", "家族がこれから先どうなっても"),
    ],
)
def test_a_pattern_finds_what_its_words_say(pattern: str, text: str, quote: str | None) -> None:
    assert (quote in found(pattern, text)) if quote else not found(pattern, text)


def test_words_too_far_apart_do_not_match() -> None:
    assert not found("土下座 しろ", "土下座の件ですが、早く返事をしろ")


@pytest.mark.parametrize("pattern", ["", "~", "土下座 ~", "土下座?", "<nobody> 死ね", "口 ? きき方"])
def test_a_pattern_that_cannot_be_read_is_refused(pattern: str) -> None:
    with pytest.raises(PatternSyntaxError):
        PatternCompiler(_CLASSES).compile(pattern)


def test_a_class_that_names_itself_is_refused() -> None:
    with pytest.raises(PatternSyntaxError):
        PatternCompiler({"loop": ["<loop>"]}).compile("<loop>")


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet="土下座しろお前殴る ーあ", max_size=200))
def test_any_text_is_searched_without_error(text: str) -> None:
    for pattern in ("<you> ~ <strike>", "土下座 ~~ しろ", "^しろ$"):
        assert all(quote in text for quote in found(pattern, text))
