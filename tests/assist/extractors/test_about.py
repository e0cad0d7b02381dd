"""What the complaint is about."""

from __future__ import annotations

import pytest
from koemori.assist.extractors.about import AboutExtractor
from koemori.assist.types import CallFacts

from tests.fakes.conversation import read, shipped_playbook

pytestmark = pytest.mark.unit


def about(*turns: tuple[str, str]) -> str | None:
    proposal = read(AboutExtractor(CallFacts("c"), shipped_playbook()), *turns).get("about_what")
    return None if proposal is None else proposal.value


def test_the_trouble_is_kept_in_the_customers_words_without_their_endings() -> None:
    assert (
        about(("c", "今朝ケトルの取っ手が外れて、お湯がこぼれたんです。"))
        == "今朝ケトルの取っ手が外れて、お湯がこぼれた"
    )


def test_what_the_agent_reads_back_is_added() -> None:
    script = [
        ("c", "先月の電気代が高いんだよ。"),
        ("a", "先月分のご自宅の電気料金についてのお問い合わせですね。"),
    ]
    assert about(*script) == "先月の電気代が高い(復唱: 先月分のご自宅の電気料金)"


def test_insults_are_not_what_it_is_about() -> None:
    assert about(("c", "頭おかしいんじゃねえのか、このバカ。")) is None


def test_the_agents_admission_is_no_read_back() -> None:
    script = [("c", "取っ手が外れたんです"), ("a", "それは完全にうちの欠陥ですね。")]
    assert about(*script) == "取っ手が外れた"


def test_a_second_read_back_adds_what_was_not_known() -> None:
    script = [
        ("c", "布団乾燥機の風が出えへん。"),
        ("a", "風が出ないということでございますね。"),
        ("c", "ホースも破れとる。"),
        ("a", "ホースの根元が三センチほど破れているということでございますね。"),
    ]
    assert "根元" in (about(*script) or "")


def test_a_guess_of_the_agent_is_no_read_back() -> None:
    script = [
        ("c", "布団乾燥機の風が出えへん。"),
        ("a", "風が出ないということでございますね。"),
        ("a", "おそらく倉庫の湿気で部品が壊れたということですね。"),
    ]
    assert "倉庫" not in (about(*script) or "")
