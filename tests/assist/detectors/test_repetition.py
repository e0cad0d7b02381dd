"""The same demand again in other words, and what is no repetition."""

from __future__ import annotations

import pytest
from koemori.assist.demand_topics import load_demand_topics
from koemori.assist.demands import DemandReader
from koemori.assist.detectors.repetition import RepetitionDetector
from koemori.assist.types import Alert, Category, Finding, Repetition, Severity

from tests.fakes.conversation import Conversation, shipped_playbook

pytestmark = pytest.mark.unit

LEXICON = shipped_playbook().lexicon
READER = DemandReader(LEXICON, load_demand_topics())
WORDS_ALONE = DemandReader(LEXICON, None)
WAIVE = (
    "違約金はなしにしてもらえますか",
    "その手数料、チャラにしてくれ",
    "こっちが払うペナルティを帳消しにして",
    "罰金みたいなのは請求から外してよ",
)


def play(*turns: str, reader: DemandReader = READER) -> list[Finding]:
    """What is found in turns of the customer; those that begin with "A: " are the agent's."""
    conversation = Conversation()
    detector = RepetitionDetector(conversation.facts, LEXICON, reader)
    found: list[Finding] = []
    for turn in turns:
        heard = conversation.a(turn[3:]) if turn.startswith("A: ") else conversation.c(turn)
        found += detector.observe(heard, conversation.call)
    return found


def largest(found: list[Finding]) -> int:
    return max((item.count for item in found if isinstance(item, Repetition)), default=0)


def test_the_fourth_mention_in_other_words_is_a_warning_with_all_mentions() -> None:
    found = play(*WAIVE)
    (alert,) = [item for item in found if isinstance(item, Alert)]
    assert (alert.category, alert.severity) == (Category.REPEAT_DEMAND, Severity.WARNING)
    assert alert.utterance_ids == ("u0", "u1", "u2", "u3")
    assert "4回" in alert.explanation


def test_words_alone_do_not_see_it() -> None:
    assert largest(play(*WAIVE, reader=WORDS_ALONE)) < 4


def test_three_mentions_are_no_alert() -> None:
    found = play(*WAIVE[:3])
    assert largest(found) == 3
    assert not any(isinstance(item, Alert) for item in found)


@pytest.mark.parametrize("text", ["だからそれをさ", "決心ついた?", "その一言でいいんだから"])
def test_insisting_that_names_nothing_repeats_the_demand_before(text: str) -> None:
    assert largest(play(*WAIVE[:2], "A: いたしかねます。", text)) == 3


@pytest.mark.parametrize("text", ["だからそれをさ", "決心ついた?"])
def test_insisting_after_a_single_demand_or_after_other_words_counts_for_nothing(text: str) -> None:
    assert largest(play(WAIVE[0], text)) == 0
    assert largest(play(*WAIVE[:2], "今日は雨ですね", text)) == 2


def test_agreeing_to_the_agents_question_is_no_repetition() -> None:
    assert (
        largest(
            play("返金してほしいです", "A: ご返金をご希望ということでしょうか。", "はい、返金でお願いします")
        )
        == 0
    )


def test_agreeing_and_insisting_is_one() -> None:
    again = "そうだよ、だから返金してくれって何度も言ってるでしょう"
    assert largest(play("返金してほしいです", "A: ご返金をご希望ということでしょうか。", again)) == 2


@pytest.mark.parametrize(
    "turns",
    [
        ("電話番号は090の1111の2222です", "090の1111の2222です", "ですから090の1111の2222", "09011112222"),
        ("佐藤です", "佐藤と申します", "はい、佐藤です", "佐藤花子です"),
        ("冷蔵庫が冷えないんです", "ぜんぜん冷えません", "中が生ぬるいんですよ", "もう氷も溶けました"),
    ],
    ids=["numbers", "names", "complaints"],
)
def test_numbers_names_and_complaints_without_a_demand_are_none(turns: tuple[str, ...]) -> None:
    assert largest(play(*turns)) < 4


def test_a_cluster_keeps_to_its_demand() -> None:
    found = play(
        "代金を返金してください",
        "担当者の名前を教えてください",
        "予約を水曜に変更してください",
        "壊れた原因を説明してください",
        "払ったお金を戻して",
    )
    (repeated,) = [item for item in found if isinstance(item, Repetition)]
    assert repeated.utterance_ids == ("u0", "u4")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("違約金を免除して", "違約金がかかる理由を聞かせて"),
        ("エアコンを直して", "エアコンから水が垂れてきたの"),
        ("アカウントを消して", "アカウントを元に戻して"),
        ("住所を変更して", "担当者の住所を教えて"),
    ],
)
def test_the_same_thing_named_with_another_wish_is_another_demand(first: str, second: str) -> None:
    assert not READER.same(READER.read(first), READER.read(second))
