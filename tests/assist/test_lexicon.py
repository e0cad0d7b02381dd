"""The lexicon that ships: each rule is held to its own examples; and what a broken file is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from koemori.assist.errors import PlaybookError
from koemori.assist.playbooks.lexicon import Rule, load_lexicon
from koemori.assist.rules import utterance
from koemori.assist.types import Category, Severity

pytestmark = pytest.mark.unit

DATA = Path(__file__).parents[2] / "assist" / "playbooks" / "data" / "ja" / "lexicon"
LEXICON = load_lexicon(DATA)

RULE = """
[[rule]]
id = "dogeza.test"
category = "dogeza"
severity = "danger"
why = "土下座を求めている"
source = "test"
patterns = ["土下座 しろ"]
examples = ["土下座しろ"]
"""


@pytest.mark.parametrize("rule", LEXICON.rules, ids=lambda rule: rule.id)
def test_a_rule_finds_its_examples_and_not_its_counter_examples(rule: Rule) -> None:
    missed = [text for text in rule.examples if not utterance(text, LEXICON).matches([rule])]
    wrong = [
        (text, match.quote)
        for text in rule.counter_examples
        for match in utterance(text, LEXICON).matches([rule])
    ]
    assert (missed, wrong) == ([], [])


@pytest.mark.parametrize("rule", LEXICON.rules, ids=lambda rule: rule.id)
def test_no_other_rule_warns_on_a_counter_example(rule: Rule) -> None:
    others = [r for r in LEXICON.rules if r.of_agent == rule.of_agent and r.severity >= Severity.WARNING]
    wrong = [
        (text, match.rule.id, match.quote)
        for text in rule.counter_examples
        for match in utterance(text, LEXICON).matches(others)
    ]
    assert wrong == []


def test_every_quote_is_words_of_the_utterance() -> None:
    for rule in LEXICON.rules:
        for text in rule.examples:
            for match in utterance(text, LEXICON).matches([rule]):
                assert match.quote
                assert match.quote in text


def test_every_category_of_the_contract_has_a_rule() -> None:
    assert {rule.category for rule in LEXICON.rules} == set(Category)


def write(directory: Path, text: str) -> Path:
    """A lexicon folder with one file."""
    (directory / "one.toml").write_text(text, encoding="utf-8")
    return directory


def test_a_rule_in_a_file_of_its_own_is_read(tmp_path: Path) -> None:
    lexicon = load_lexicon(write(tmp_path, RULE))
    assert [m.quote for m in utterance("早く土下座しろよ", lexicon).matches(lexicon.rules)] == ["土下座しろ"]


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (RULE.replace('"danger"', '"lethal"'), "severity"),
        (RULE.replace('"dogeza"\n', '"dogeza2"\n'), "category"),
        (RULE.replace("土下座 しろ", "<nobody> しろ"), "pattern"),
        (RULE + 'extra = "x"\n', "only"),
        (RULE + RULE, "used once"),
        (RULE.replace('examples = ["土下座しろ"]', ""), "examples"),
    ],
)
def test_a_broken_rule_is_told_where_and_what(tmp_path: Path, broken: str, expected: str) -> None:
    with pytest.raises(PlaybookError) as raised:
        load_lexicon(write(tmp_path, broken))
    assert raised.value.line is not None
    assert expected in str(raised.value)
