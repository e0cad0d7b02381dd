"""A playbook is told all that is wrong with it at once, and what its author may have overlooked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from koemori.assist.playbooks.check import Checked, Note, check_playbook
from koemori.assist.playbooks.load import BUILT_IN

from tests.fakes.playbooks import OURS, OURS_FILE, own_playbook, write

pytestmark = pytest.mark.unit


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return own_playbook(tmp_path)


def found(checked: Checked, code: str) -> list[tuple[str, int | None, str | None]]:
    return [(note.file, note.line, note.rule_id) for note in checked.notes if note.code == code]


def test_the_playbook_that_ships_has_no_problems() -> None:
    checked = check_playbook(BUILT_IN)
    assert checked.problems == ()
    assert {note.code for note in checked.warnings} <= {
        "no-counter-example",
        "confusion-unused",
        "class-unused",
    }


def test_a_careful_rule_is_not_remarked_upon(directory: Path) -> None:
    assert [note for note in check_playbook(directory).notes if note.file == OURS_FILE] == []


def test_every_mistake_of_every_file_is_named_with_its_line(directory: Path) -> None:
    write(
        directory,
        "ja/lexicon/ours.toml",
        OURS.replace('"sns"', '"snss"').replace('"warning"', '"bad"').replace("version = 3", "version = 0")
        + 'surprise = 1\n[[rule]]\nid = "a b"\n',
    )
    write(directory, "ja/guidance/ours.toml", '[[rule]]\nid = "x"\nwhen = { detector = "mood" }\nstage = 3\n')
    write(directory, "ja/ladder.toml", "[[step]\n")
    problems = check_playbook(directory).problems
    places = {(note.file, note.line, note.expected.split()[0]) for note in problems}
    assert places >= {
        ("ja/lexicon/ours.toml", 4, "version"),
        ("ja/lexicon/ours.toml", 6, "category"),
        ("ja/lexicon/ours.toml", 7, "severity"),
        ("ja/lexicon/ours.toml", 13, "only"),
        ("ja/lexicon/ours.toml", 15, "id"),
        ("ja/lexicon/ours.toml", 14, "patterns"),
        ("ja/guidance/ours.toml", 3, "detector"),
        ("ja/guidance/ours.toml", 4, "stage"),
        ("ja/guidance/ours.toml", 1, "say"),
        ("ja/ladder.toml", 1, "TOML"),
    }
    assert not any(note.file == "ja/ladder.toml" and note.expected != "TOML" for note in problems)


def test_a_missed_example_and_a_found_counter_example_stand_on_their_lines(directory: Path) -> None:
    text = OURS.replace(
        'examples = ["ヨウツベに', 'examples = [\n  "ヨウツベに流すからな",\n  "インスタに', 1
    )
    write(directory, "ja/lexicon/ours.toml", text.replace("ヨウツベで見ました", "ヨウツベに流す動画"))
    checked = check_playbook(directory)
    assert found(checked, "example-missed") == [("ja/lexicon/ours.toml", 13, "sns.ours")]
    assert found(checked, "counter-example-found") == [("ja/lexicon/ours.toml", 14, "sns.ours")]
    assert str(checked.problems[1]).endswith("got 「ヨウツベに流す」")


def test_a_silent_rule_is_held_to_its_examples_too(directory: Path) -> None:
    wrong = OURS.replace("ヨウツベに流すからな", "知らない").replace("version = 3", "enabled = false")
    write(directory, "ja/lexicon/ours.toml", wrong)
    checked = check_playbook(directory)
    assert [note.code for note in checked.problems] == ["example-missed"]
    assert checked.playbook.lexicon.rules == ()
    assert [rule.id for rule in checked.playbook.awake().lexicon.rules] == ["sns.ours"]


def test_what_is_careless_is_a_warning(directory: Path) -> None:
    other = OURS.replace("sns.ours", "sns.other").replace('counter_examples = ["ヨウツベで見ました"]\n', "")
    lists = '[classes]\nnobody = ["誰か"]\n[confusions]\n"流" = ["長", "流"]\n"山" = ["川"]\n'
    write(directory, "ja/lexicon/ours.toml", lists + OURS + other)
    checked = check_playbook(directory)
    assert checked.problems == ()
    place = "ja/lexicon/ours.toml"
    assert found(checked, "no-counter-example") == [(place, 19, "sns.other")]
    assert found(checked, "duplicate-pattern") == [(place, 27, "sns.other")]
    assert found(checked, "confusion-same") == [(place, 4, None)]
    assert found(checked, "confusion-unused") == [(place, 5, None)]
    assert found(checked, "class-unused") == [(place, 2, None)]


def test_a_rule_that_warns_about_another_ones_counter_example_is_named(directory: Path) -> None:
    other = OURS.replace("sns.ours", "sns.other").replace("ヨウツベ ~ 流す", "ヨウツベ で ~ 見")
    other = other.replace("ヨウツベに流すからな", "ヨウツベで見せる").replace("で見ました", "が好き")
    write(directory, "ja/lexicon/ours.toml", OURS + other)
    assert found(check_playbook(directory), "counter-example-of-another") == [
        ("ja/lexicon/ours.toml", 12, "sns.ours")
    ]


def test_words_that_an_english_desk_would_miss_are_warnings(directory: Path) -> None:
    file = directory / "ja" / "guidance" / "ours.toml"
    rule = '[[rule]]\nid = "receipt"\nwhen = { detector = "words", speaker = "customer", any = "領収書" }\n'
    file.write_text(rule + 'stage = "step3"\nsay = "郵送します"\nwhy = "w"\nsource = "s"\n', encoding="utf-8")
    assert ("ja/guidance/ours.toml", 1, "receipt") in found(check_playbook(directory), "text-missing")
    shutil.rmtree(directory / "en")
    assert found(check_playbook(directory), "no-texts") == [("en", None, None)]


def test_who_answers_for_a_playbook_and_since_when_is_asked_for(directory: Path) -> None:
    file = directory / "ja" / "playbook.toml"
    text = file.read_text(encoding="utf-8").replace("author =", "#").replace("changed_at =", "#")
    file.write_text(text, encoding="utf-8")
    codes = [note.code for note in check_playbook(directory).warnings]
    assert codes[:2] == ["no-author", "no-date"]


def test_a_folder_without_rules_is_a_problem_and_not_an_accident(tmp_path: Path) -> None:
    problems = check_playbook(tmp_path).problems
    assert problems[0].expected == "a folder ja/ with the rules"


def test_a_note_is_one_line_that_an_editor_can_follow() -> None:
    note = Note("problem", "c", "ja/a.toml", 3, "r", "this", "that")
    assert str(note) == "ja/a.toml:3: r: expected this; got that"
    assert note.summary == "ja/a.toml:3: r: c"
