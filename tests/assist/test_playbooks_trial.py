"""A tried playbook is compared with the one in force on the same words, rule by rule."""

from __future__ import annotations

from pathlib import Path

import pytest
from koemori.assist.playbooks.load import load_playbook
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.playbooks.trial import Hit, PlaybookTrial, RuleTrial
from koemori.assist.types import Heard
from koemori.audio.call import ChannelRole

from tests.fakes.playbooks import OURS, own_playbook

pytestmark = pytest.mark.unit

CALL = ("ヨウツベに流すからな", "ヨウツベで見ました", "全国に流すぞ")


@pytest.fixture
def in_force(tmp_path: Path) -> Playbook:
    (tmp_path / "old").mkdir()
    return load_playbook(directory=own_playbook(tmp_path / "old"))


def tried_with(tmp_path: Path, rules: str) -> Playbook:
    (tmp_path / "new").mkdir()
    return load_playbook(directory=own_playbook(tmp_path / "new", rules))


def held(trial: PlaybookTrial, call_id: str, *texts: str) -> None:
    call = trial.begin(call_id)
    for number, text in enumerate(texts):
        start_ms = number * 3000
        call.hear(Heard(f"1-{start_ms}", ChannelRole.CUSTOMER, start_ms, start_ms + 2000, text))
    trial.end(call)


def rule(trial: PlaybookTrial, rule_id: str) -> RuleTrial:
    return next(one for one in trial.rules if one.rule_id == rule_id)


def test_the_playbook_in_force_changes_nothing_when_tried(in_force: Playbook) -> None:
    trial = PlaybookTrial(in_force, in_force)
    held(trial, "c1", *CALL)
    held(trial, "c2", "ありがとうございました")
    ours = rule(trial, "sns.ours")
    assert (ours.fired, ours.calls, ours.new, ours.gone, ours.other_severity) == (1, 1, 0, 0, 0)
    assert ours.examples == [Hit("c1", ("1-0",), 2000, 2, "same", "ヨウツベに流す", "ヨウツベに流すからな")]
    assert (trial.calls, trial.alerts, trial.per_100_calls) == (2, 1, (50.0, 50.0))


def test_what_comes_anew_and_what_goes_is_told(tmp_path: Path, in_force: Playbook) -> None:
    changed = OURS.replace("ヨウツベ ~ 流す", "全国 ~ 流す").replace("version = 3", "version = 4")
    trial = PlaybookTrial(tried_with(tmp_path, changed.replace("ヨウツベに流す", "全国に流す")), in_force)
    held(trial, "c1", *CALL)
    ours = rule(trial, "sns.ours")
    assert (ours.version, ours.fired, ours.new, ours.gone) == (4, 1, 1, 1)
    assert [(hit.change, hit.text) for hit in ours.examples] == [
        ("new", "全国に流すぞ"),
        ("gone", "ヨウツベに流すからな"),
    ]


def test_another_severity_is_a_change_of_its_own(tmp_path: Path, in_force: Playbook) -> None:
    trial = PlaybookTrial(tried_with(tmp_path, OURS.replace('"warning"', '"danger"')), in_force)
    held(trial, "c1", *CALL)
    ours = rule(trial, "sns.ours")
    assert (ours.fired, ours.new, ours.gone, ours.other_severity) == (1, 0, 0, 1)
    assert ours.examples[0].severity == 3


def test_a_silent_rule_is_tried_all_the_same(tmp_path: Path, in_force: Playbook) -> None:
    other = OURS.replace("sns.ours", "threat.ours").replace('"sns"', '"threat"')
    silent = other.replace("version = 3", "version = 1\nenabled = false")
    trial = PlaybookTrial(tried_with(tmp_path, OURS + silent), in_force)
    held(trial, "c1", *CALL)
    ours = rule(trial, "threat.ours")
    assert (ours.enabled, ours.fired, ours.new) == (False, 1, 1)
    assert rule(trial, "sns.ours").new == 0


def test_a_rule_that_was_dropped_is_told_with_what_it_would_not_find(
    tmp_path: Path, in_force: Playbook
) -> None:
    trial = PlaybookTrial(tried_with(tmp_path, OURS.replace("sns.ours", "sns.renamed")), in_force)
    held(trial, "c1", *CALL)
    assert (rule(trial, "sns.ours").gone, rule(trial, "sns.renamed").new) == (1, 1)


def test_guidance_is_counted_and_examples_are_bounded(in_force: Playbook) -> None:
    trial = PlaybookTrial(in_force, in_force, examples=2)
    for number in range(5):
        held(trial, f"c{number}", *CALL)
    ours = rule(trial, "sns.ours")
    assert (ours.fired, ours.calls) == (5, 5)
    assert [hit.call_id for hit in ours.examples] == ["c0", "c1"]
    cards = [one for one in trial.rules if one.kind == "guidance" and one.fired]
    assert cards
    assert all(card.new == card.gone == 0 for card in cards)


def test_without_calls_there_is_no_rate(in_force: Playbook) -> None:
    assert PlaybookTrial(in_force, in_force).per_100_calls == (None, None)


def test_personal_data_in_an_example_is_found_by_what_the_whole_call_tells(in_force: Playbook) -> None:
    trial = PlaybookTrial(in_force, in_force)
    held(trial, "c1", "ヨウツベに流すからな、小鳥遊も出せ", "小鳥遊様という方です")
    (hit,) = rule(trial, "sns.ours").examples
    assert [hit.text[span.start : span.end] for span in hit.personal] == ["小鳥遊"]
