"""The ladder as a whole is data; its walk is code."""

from __future__ import annotations

import pytest
from koemori.assist.checklist import Checklist
from koemori.assist.ladder import LadderWalk
from koemori.assist.types import Alert, Category, Severity

from tests.fakes.conversation import Conversation, shipped_playbook

pytestmark = pytest.mark.unit


def alert(category: Category, severity: int = 2, harassment: bool = True) -> Alert:
    return Alert("a1", category, Severity(severity), harassment, "r", 0, ("u",), "バカ", "")


def test_every_step_is_recognised_in_the_words_it_proposes_and_says_no_later_one() -> None:
    playbook = shipped_playbook()
    checklist, conversation = Checklist(playbook), Conversation()
    for step in playbook.ladder.steps:
        changes = checklist.observe(conversation.a(step.say), conversation.call)
        heard = {change.item for change in changes if change.item.startswith("ladder")}
        assert step.id in heard
        assert max(heard) == step.id


@pytest.mark.parametrize("category", list(shipped_playbook().ladder.first_words))
def test_the_first_words_for_each_category_count_as_having_asked(category: Category) -> None:
    playbook = shipped_playbook()
    checklist, conversation = Checklist(playbook), Conversation()
    checklist.observe(conversation.a(playbook.ladder.first_words[category]), conversation.call)
    assert checklist.done("ladder1")
    assert not checklist.done("ladder5")


def test_the_same_step_is_offered_again_only_after_its_cooldown() -> None:
    walk, checklist = LadderWalk(shipped_playbook().ladder), Checklist(shipped_playbook())
    assert walk.observe(alert(Category.SNS), checklist, 0) is not None
    assert walk.observe(alert(Category.SNS), checklist, 1_000) is None
    again = walk.observe(alert(Category.SNS), checklist, 60_000)
    assert again is not None
    assert again.stage == "ladder1"


@pytest.mark.parametrize(
    "finding",
    [
        alert(Category.VERBAL_ABUSE, severity=1),
        alert(Category.SELFHARM, severity=3, harassment=False),
        alert(Category.FRAUD, harassment=False),
    ],
)
def test_grey_words_self_harm_and_fraud_never_begin_it(finding: Alert) -> None:
    walk = LadderWalk(shipped_playbook().ladder)
    assert walk.observe(finding, Checklist(shipped_playbook()), 0) is None
    assert not walk.begun
