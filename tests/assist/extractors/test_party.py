"""Who is dissatisfied."""

from __future__ import annotations

import pytest
from koemori.assist.extractors.party import PartyExtractor
from koemori.assist.types import CallFacts

from tests.fakes.conversation import read, shipped_playbook

pytestmark = pytest.mark.unit


def party(*turns: tuple[str, str]) -> str | None:
    proposal = read(PartyExtractor(CallFacts("c"), shipped_playbook()), *turns).get("who_is_dissatisfied")
    return None if proposal is None else proposal.value


def test_the_caller_is_dissatisfied_once_there_is_trouble() -> None:
    assert party(("c", "ネットがつながらないんだけど")) == "本人"


def test_family_on_whom_the_trouble_fell_is_named() -> None:
    assert party(("c", "取っ手が外れてお湯がこぼれたんです"), ("c", "母の足にかかってしまって")) == "本人と母"


def test_family_that_is_merely_asked_is_not_dissatisfied() -> None:
    assert party(("c", "荷物が届かないんだけど"), ("c", "ちょっと待って、嫁に聞くわ")) == "本人"


def test_somebody_who_calls_for_another_says_so() -> None:
    assert party(("c", "知り合いの事故の件や")) == "知人の代理"


def test_an_ordinary_request_has_nobody_dissatisfied() -> None:
    assert party(("c", "住所変更をお願いします")) is None


def test_an_apology_for_what_was_told_shows_a_complaint() -> None:
    script = [("c", "テレビの画面に線が一本見える。"), ("a", "ご不便をおかけして申し訳ございません。")]
    assert party(*script, ("c", "親父と一緒に見てたんだ。")) == "本人と父"


def test_two_who_feel_it_are_both_named() -> None:
    assert party(("c", "データが届かない。母が楽しみにしてた。妻なんか泣いてる。")) == "本人と母と妻"
