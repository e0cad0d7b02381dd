"""Reading playbooks: exact refusals, versions, and a rule added without Python."""

from __future__ import annotations

import re
import shutil
from functools import cache
from pathlib import Path

import pytest
from koemori.assist.checklist import Checklist
from koemori.assist.errors import PlaybookError
from koemori.assist.guidance import Guide
from koemori.assist.playbooks.load import BUILT_IN, load_playbook
from koemori.assist.playbooks.schema import Playbook

from tests.fakes.conversation import Conversation, shipped_playbook

pytestmark = pytest.mark.unit

RULE = """
[[rule]]
id = "refund-window-unsaid"
when = { detector = "words", speaker = "customer", any = ["返品"] }
stage = "step3"
severity = "danger"
say = "返品は十四日以内に承っております。"
why = "「{quote}」"
cooldown_ms = 60_000
source = "返品規程 第2条"
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy to break; without the lexicon, which has its own tests and takes long to compile."""
    return Path(shutil.copytree(BUILT_IN, tmp_path / "playbook", ignore=shutil.ignore_patterns("lexicon")))


def refusal(directory: Path, file: str, text: str) -> PlaybookError:
    path = directory / "ja" / file
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PlaybookError) as caught:
        load_playbook(directory=directory)
    assert caught.value.file == str(path)
    return caught.value


def test_a_newcomer_adds_a_guidance_rule_without_python(directory: Path) -> None:
    (directory / "ja" / "guidance" / "ours.toml").write_text(RULE, encoding="utf-8")
    playbook = load_playbook(directory=directory)
    conversation = Conversation()
    cards = Guide(playbook).observe(
        conversation.c("この掃除機を返品したい"), conversation.call, [], Checklist(playbook)
    )
    assert [(card.say, card.why, card.source) for card in cards] == [
        ("返品は十四日以内に承っております。", "「返品」", "返品規程 第2条")
    ]


def test_the_version_changes_with_any_word_of_the_playbook(directory: Path) -> None:
    before = load_playbook(directory=directory).version
    (directory / "ja" / "guidance" / "ours.toml").write_text(RULE, encoding="utf-8")
    after = load_playbook(directory=directory).version
    assert before != after
    assert before.split("+")[0] == after.split("+")[0] == "1.0.0"


def test_an_unknown_key_is_refused_with_its_line(directory: Path) -> None:
    error = refusal(directory, "guidance/ours.toml", RULE + 'sai = "x"\n')
    assert error.line == 11
    assert "unknown key 'sai'" in str(error)


def test_a_missing_field_is_refused_with_the_line_of_its_rule(directory: Path) -> None:
    error = refusal(directory, "guidance/ours.toml", RULE.replace('source = "返品規程 第2条"\n', ""))
    assert error.line == 2
    assert error.expected == "source (a string)"


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (RULE.replace("60_000", '"a minute"'), 9),
        (RULE.replace('stage = "step3"', 'stage = "step9"'), 5),
        (RULE.replace('"返品"', '"返品("'), 4),
        (RULE.replace('detector = "words"', 'detector = "mood"'), 4),
        (RULE.replace("cooldown_ms = 60_000", "cooldown_ms = -1"), 9),
        (RULE.replace('say = "返品は十四日以内に承っております。"', 'say = ""'), 7),
    ],
)
def test_a_wrong_value_is_refused_with_its_line(directory: Path, wrong: str, line: int) -> None:
    assert refusal(directory, "guidance/ours.toml", wrong).line == line


def test_a_second_rule_is_found_by_its_own_lines(directory: Path) -> None:
    second = RULE.replace("refund-window-unsaid", "another").replace('"step3"', '"step9"')
    assert refusal(directory, "guidance/ours.toml", RULE + second).line == 15


def test_an_unknown_category_item_and_field_are_refused(directory: Path) -> None:
    for when in (
        '{ detector = "alert", category = ["rudeness"] }',
        '{ detector = "checklist", item = "smile" }',
        '{ detector = "missing", field = "shoe_size" }',
    ):
        text = RULE.replace('{ detector = "words", speaker = "customer", any = ["返品"] }', when)
        assert refusal(directory, "guidance/ours.toml", text).line == 4


def test_broken_toml_is_refused_with_its_line(directory: Path) -> None:
    assert refusal(directory, "guidance/ours.toml", '[[rule]]\nid = "x\n').line == 2


def test_an_id_used_twice_is_refused(directory: Path) -> None:
    (directory / "ja" / "guidance" / "ours.toml").write_text(RULE + RULE, encoding="utf-8")
    with pytest.raises(PlaybookError, match="'refund-window-unsaid' twice"):
        load_playbook(directory=directory)


def test_a_ladder_with_a_missing_step_is_refused(directory: Path) -> None:
    path = directory / "ja" / "ladder.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace('id = "ladder5"', 'id = "end"'), encoding="utf-8"
    )
    with pytest.raises(PlaybookError, match="ladder1 … ladder5"):
        load_playbook(directory=directory)


def test_a_directory_without_rules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlaybookError, match="ja/"):
        load_playbook(directory=tmp_path)


@cache
def english_playbook() -> Playbook:
    return load_playbook("en")


_JAPANESE = re.compile(r"[぀-ヿ一-鿿]")


def test_english_has_words_for_every_japanese_id() -> None:
    japanese, english = shipped_playbook(), english_playbook()
    pairs = [
        *zip(japanese.rules, english.rules, strict=True),
        *zip(japanese.ladder.steps, english.ladder.steps, strict=True),
    ]
    for ours, theirs in pairs:
        assert ours.id == theirs.id
        assert ours.say == theirs.say, "the agent speaks Japanese to the caller"
        assert not _JAPANESE.search(theirs.why + theirs.source)
        for name in ("{quote}", "{said}", "{count}"):
            assert (name in ours.why) == (name in theirs.why), ours.id
    for step in english.ladder.steps:
        assert not _JAPANESE.search(step.label)
    for item, translated in zip(japanese.checklist, english.checklist, strict=True):
        assert item.id == translated.id
        assert not _JAPANESE.search(translated.label + translated.question)
        assert bool(item.question) == bool(translated.question)
    assert japanese.labels.keys() == english.labels.keys()
    assert all(japanese.labels[key] != english.labels[key] for key in japanese.labels)
    assert japanese.ladder.first_words == english.ladder.first_words


def test_english_detects_the_same() -> None:
    japanese, english = shipped_playbook(), english_playbook()
    assert [rule.when for rule in japanese.rules] == [rule.when for rule in english.rules]
    assert [item.heard for item in japanese.checklist] == [item.heard for item in english.checklist]


def test_a_text_for_an_id_that_does_not_exist_is_refused(directory: Path) -> None:
    path = directory / "en" / "texts.toml"
    path.write_text('[[rule]]\nid = "nobody"\nsay = "x"\n', encoding="utf-8")
    with pytest.raises(PlaybookError) as caught:
        load_playbook("en", directory)
    assert caught.value.line == 2


def test_an_id_translated_in_two_files_is_refused(directory: Path) -> None:
    path = directory / "en" / "ours.toml"
    path.write_text('[[rule]]\nid = "recording-notice"\nsay = "x"\n', encoding="utf-8")
    with pytest.raises(PlaybookError, match="each id once"):
        load_playbook("en", directory)


def test_a_rule_without_a_translation_keeps_its_japanese_words(directory: Path) -> None:
    (directory / "ja" / "guidance" / "ours.toml").write_text(RULE, encoding="utf-8")
    rules = {rule.id: rule for rule in load_playbook("en", directory).rules}
    assert rules["refund-window-unsaid"].say == "返品は十四日以内に承っております。"


def test_an_unknown_locale_is_refused() -> None:
    with pytest.raises(PlaybookError, match="fr"):
        load_playbook("fr")
