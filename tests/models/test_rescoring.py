"""Which alternatives a vocabulary offers, and which of them take a word's place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.models.rescoring import Candidate, Rescorer, RescoringConfig, ScoredCandidate
from koemori.models.types import Word
from koemori.models.vocabulary import (
    Entry,
    EntryKind,
    Vocabulary,
    builtin_vocabulary,
    merge_vocabularies,
)

pytestmark = pytest.mark.unit

DESK = Vocabulary(
    "desk",
    "1",
    "",
    (
        Entry("木村", "きむら", EntryKind.NAME),
        Entry("小野", "おの", EntryKind.NAME),
        Entry("小野寺", "おのでら", EntryKind.NAME),
        Entry("久保", "くぼ", EntryKind.NAME),
        Entry("返金", "へんきん"),
        Entry("洗濯機", "せんたくき", EntryKind.PRODUCT, ("選択期",)),
    ),
)
RESCORER = Rescorer(merge_vocabularies(builtin_vocabulary(), DESK))


def words_of(*texts: str, probability: float = 0.5) -> tuple[Word, ...]:
    """Words of 100 ms each."""
    return tuple(Word(text, place * 100, place * 100 + 100, probability) for place, text in enumerate(texts))


def offered(text: str, probability: float = 0.5) -> dict[str, str]:
    """What was heard and what it could be."""
    words = words_of(*text, probability=probability)
    return {item.heard: item.entry.text for item in RESCORER.candidates(text, words)}


def the_candidate(text: str) -> Candidate:
    [candidate] = RESCORER.candidates(text, words_of(*text))
    return candidate


@pytest.mark.parametrize(
    ("text", "heard", "meant"),
    [
        ("窓口のキムラでございます", "キムラ", "木村"),
        ("ご変金はいたしかねます", "変金", "返金"),
        ("フェンキンと手紙でいいよ", "フェンキン", "返金"),
        ("家に来てどげざしろ", "どげざ", "土下座"),
        ("選択期の件です", "選択期", "洗濯機"),
        ("窓口のクボです", "クボ", "久保"),
    ],
)
def test_a_span_that_sounds_like_an_entry_is_offered(text: str, heard: str, meant: str) -> None:
    assert offered(text) == {heard: meant}


@pytest.mark.parametrize(
    "text", ["返金いたします", "お電話ありがとうございます", "窓口の木村です", "うくぼみ", "", "、。"]
)
def test_what_is_there_already_or_only_looks_alike_is_not_offered(text: str) -> None:
    assert offered(text) == {}


def test_the_longer_of_two_names_with_one_sound_is_offered() -> None:
    assert offered("おのでらさま") == {"おのでら": "小野寺"}


def test_a_span_the_model_is_sure_of_is_left_alone_unless_only_its_spelling_changes() -> None:
    assert offered("ご変金です", probability=0.95) == {}
    assert offered("窓口のキムラです", probability=0.95) == {"キムラ": "木村"}


def test_a_known_mishearing_is_offered_wherever_it_stands() -> None:
    vocabulary = Vocabulary("x", "1", "", (Entry("小野寺", "おのでら", sounds_like=("お野寺",)),))
    text = "お野寺ですか、はい、お野寺です"
    found = Rescorer(vocabulary).candidates(text, words_of(text))
    assert sorted(candidate.start for candidate in found) == [0, 10]


def test_no_vocabulary_offers_nothing() -> None:
    assert Rescorer(Vocabulary("none", "0", "")).candidates("変金です", words_of("変金です")) == ()


def test_no_more_alternatives_are_offered_than_allowed() -> None:
    text = "変金とキムラとクボと選択期とおのでら"
    few = Rescorer(DESK, RescoringConfig(most_candidates=2))
    assert len(RESCORER.candidates(text, words_of(*text))) == 4
    assert len(few.candidates(text, words_of(*text))) == 2


def test_an_alternative_is_the_whole_text_with_the_entry_in_place() -> None:
    candidate = the_candidate("ご変金です")
    assert candidate.text == "ご返金です"
    assert "ご変金です"[candidate.start : candidate.end] == candidate.heard == "変金"


def test_an_accepted_word_keeps_time_and_what_was_heard() -> None:
    text = "ご変金です"
    words = words_of("ご変", "金", "です")
    chosen = RESCORER.choose(words, -10.0, [ScoredCandidate(the_candidate(text), -9.0, 0.8765)])
    assert chosen == (
        Word("ご", 0, 50, 0.5),
        Word("返金", 50, 200, 0.876, heard="変金"),
        Word("です", 200, 300, 0.5),
    )


def test_words_that_sound_the_same_may_lose_a_little_and_no_more() -> None:
    candidate = the_candidate("ご変金です")
    words = words_of(*"ご変金です")
    assert RESCORER.choose(words, -10.0, [ScoredCandidate(candidate, -13.5, 0.5)]) != words
    assert RESCORER.choose(words, -10.0, [ScoredCandidate(candidate, -14.5, 0.5)]) == words


def test_a_word_of_the_dictionary_gives_way_less_easily_than_what_is_no_word() -> None:
    rescorer = Rescorer(Vocabulary("x", "1", "", (Entry("伝和", "でんわ"),)))
    [word] = rescorer.candidates("電話です", words_of(*"電話です"))
    no_word = the_candidate("ご変金です")
    assert word.distance == no_word.distance == 0.0
    assert (word.word, no_word.word) == (True, False)
    assert rescorer.allowance(word) < rescorer.allowance(no_word)


def test_the_allowance_shrinks_with_the_distance() -> None:
    assert RESCORER.allowance(the_candidate("フェンキンです")) < RESCORER.allowance(the_candidate("変金です"))


def test_an_insult_the_model_did_not_hear_needs_a_score_no_worse() -> None:
    candidate = the_candidate("勉募しに言うぞ")
    assert candidate.entry.kind is EntryKind.ABUSE
    words = words_of(*"勉募しに言うぞ")
    assert RESCORER.choose(words, -10.0, [ScoredCandidate(candidate, -10.01, 0.5)]) == words
    assert RESCORER.choose(words, -10.0, [ScoredCandidate(candidate, -10.0, 0.5)])[0].text == "弁護士"


def test_an_insult_that_was_heard_in_kana_is_spelled_as_in_the_vocabulary() -> None:
    candidate = the_candidate("どげざしろ")
    words = words_of(*"どげざしろ")
    chosen = RESCORER.choose(words, -10.0, [ScoredCandidate(candidate, -14.0, 0.5)])
    assert (chosen[0].text, chosen[0].heard) == ("土下座", "どげざ")


def test_insults_need_a_nearer_sound_than_products() -> None:
    limits = RescoringConfig().limits
    assert limits[EntryKind.ABUSE].most_distance < limits[EntryKind.PRODUCT].most_distance
    assert limits[EntryKind.ABUSE].allowance == 0.0


def test_of_overlapping_alternatives_the_better_one_wins() -> None:
    near = Candidate(Entry("返金", "へんきん"), 1, 3, "ご返金です", "変金", 0.0)
    far = Candidate(Entry("五返", "ごへん"), 0, 2, "五返金です", "ご変", 0.1)
    words = words_of(*"ご変金です")
    chosen = RESCORER.choose(
        words, -10.0, [ScoredCandidate(far, -10.0, 0.5), ScoredCandidate(near, -9.0, 0.5)]
    )
    assert "".join(word.text for word in chosen) == "ご返金です"


TEXTS = st.lists(
    st.sampled_from(
        ["ご", "変金", "キムラ", "どげざ", "さん", "、", "を", "クボ", "返金", "せんたっき", "AB", "9"]
    ),
    max_size=8,
)


@given(TEXTS, st.lists(st.floats(-12, -8), min_size=4, max_size=4))
def test_whatever_is_chosen_what_was_heard_can_be_put_together_again(
    parts: list[str], scores: list[float]
) -> None:
    text, words = "".join(parts), words_of(*parts)
    candidates = RESCORER.candidates(text, words)
    scored = [ScoredCandidate(item, score, 0.5) for item, score in zip(candidates, scores, strict=False)]
    chosen = RESCORER.choose(words, -9.0, scored)
    assert "".join(word.heard or word.text for word in chosen) == text
    assert all(word.start_ms <= word.end_ms for word in chosen)
    assert [word.start_ms for word in chosen] == sorted(word.start_ms for word in chosen)
    assert chosen == RESCORER.choose(words, -9.0, list(reversed(scored)))


@given(TEXTS)
def test_candidates_are_alternatives_of_this_text(parts: list[str]) -> None:
    text = "".join(parts)
    for item in RESCORER.candidates(text, words_of(*parts)):
        assert item.text == text[: item.start] + item.entry.text + text[item.end :] != text
        assert text[item.start : item.end] == item.heard
