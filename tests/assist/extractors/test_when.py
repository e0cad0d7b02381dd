"""When it happened."""

from __future__ import annotations

import pytest
from koemori.assist.extractors.when import WhenExtractor
from koemori.assist.types import CallFacts

from tests.fakes.conversation import read, shipped_playbook

pytestmark = pytest.mark.unit


def when(*turns: tuple[str, str], started_on: str | None = None) -> str | None:
    facts = CallFacts("c", started_on=started_on)
    proposal = read(WhenExtractor(facts, shipped_playbook()), *turns, facts=facts).get("when")
    return None if proposal is None else proposal.value


def test_the_customers_words_are_kept_as_said() -> None:
    assert when(("c", "ネットがつながらないんだけど。昨日の夜からずっと。")) == "昨日の夜から"


def test_a_relative_date_is_resolved_against_the_date_of_the_call() -> None:
    assert when(("c", "昨日の夜からつながらない"), started_on="2026-01-01") == "昨日の夜から (2025-12-31)"


def test_the_agents_read_back_wins() -> None:
    script = [
        ("c", "昨日のケーキ、六時って頼んだのに八時に来たんだよ"),
        ("a", "昨日十八時のお届けが二十時になったということでございますね。"),
    ]
    assert when(*script) == "昨日十八時"


def test_a_deadline_the_agent_names_is_not_when_it_happened() -> None:
    assert when(("c", "先月の電気代が高い"), ("a", "内訳を五日以内に郵送いたします")) == "先月"
