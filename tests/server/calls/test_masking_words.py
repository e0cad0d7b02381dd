"""The door of the words: no digit of a card gets through, and all else keeps its order."""

import pytest
from koemori.audio.call import Channel
from koemori.models.types import Partial, Quarantined, SpeakersFound, TranscriptEvent, Utterance, Word
from koemori.server.calls.masking_words import WAIT_MS, CardGuard, CardNews

from tests.fakes.calls import AGENT, CUSTOMER

pytestmark = pytest.mark.unit


def said(text: str, start_ms: int, channel: Channel = CUSTOMER, length_ms: int = 1_000) -> Utterance:
    """An utterance of one word for each of its characters."""
    words = tuple(Word(one, start_ms, start_ms + 10, 0.9) for one in text)
    name = f"{channel.index}-{start_ms}"
    return Utterance(channel, name, start_ms, start_ms + length_ms, text, words, "ja", "scripted")


def running(text: str, end_ms: int, channel: Channel = CUSTOMER) -> Partial:
    return Partial(channel, f"{channel.index}-{end_ms}", 1, end_ms - 500, end_ms, text[:3], text[3:])


def texts(events: list[TranscriptEvent]) -> list[str]:
    return [one.text for one in events if isinstance(one, Utterance | Quarantined)]


def test_a_number_in_parts_waits_and_goes_on_without_a_digit_in_the_order_of_the_call() -> None:
    guard = CardGuard()
    assert texts(guard.push(said("もしもし", 0))) == ["もしもし"]
    assert guard.push(said("4111の1111の", 2_000)) == []
    assert guard.push(said("はい", 3_000, AGENT)) == [], "what follows waits behind it"
    assert guard.push(said("1111", 4_000)) == []
    events = guard.push(said("1111です", 6_000))
    assert texts(events) == ["[カード番号]の", "はい", "[カード番号]", "[カード番号]です"]
    words = [word.text for one in events if isinstance(one, Utterance) for word in one.words]
    assert not any(character in "".join(words) for character in "14")
    assert guard.take_news() == [CardNews("card-spoken", 2_000)]
    assert guard.take_news() == []


def test_digits_that_are_no_card_number_go_on_when_the_speaker_says_something_else() -> None:
    guard = CardGuard()
    assert guard.push(said("4821", 0)) == []
    assert texts(guard.push(said("それが注文番号です", 1_500))) == ["4821", "それが注文番号です"]
    assert guard.take_news() == []


def test_digits_go_on_after_five_seconds_without_more() -> None:
    guard = CardGuard()
    assert guard.push(said("4821", 0)) == []
    assert guard.tick(1_000 + WAIT_MS - 1) == []
    assert texts(guard.tick(1_000 + WAIT_MS)) == ["4821"]


def test_what_went_on_already_still_counts_for_the_rest() -> None:
    guard = CardGuard()
    guard.push(said("4111の1111", 0))
    assert texts(guard.tick(10_000)) == ["4111の1111"]
    assert texts(guard.push(said("1111の1111", 11_000))) == ["[カード番号]"]
    assert guard.take_news() == [CardNews("card-spoken", 0)]


def test_an_agents_read_back_counts_too() -> None:
    guard = CardGuard()
    events = guard.push(said("復唱します、4111の1111の1111の1111ですね", 0, AGENT))
    assert texts(events) == ["復唱します、[カード番号]ですね"]
    assert guard.take_news() == [CardNews("card-spoken", 0)]


@pytest.mark.parametrize("partial", [True, False])
def test_a_question_for_a_card_is_told_at_once_and_digits_after_it_are_not_read(partial: bool) -> None:
    guard = CardGuard()
    question = "カード番号をお願いします"
    asked = running(question, 3_000, AGENT) if partial else said(question, 2_000, AGENT)
    guard.push(asked)
    assert guard.take_news() == [CardNews("card-asked", 3_000)]
    assert texts(guard.push(said("はい、123です", 3_500))) == ["はい、[数字]です"]
    guard.unmasked(10_000)
    assert texts(guard.push(said("注文は123です", 11_000))) == ["注文は123です"]


def test_a_customers_question_for_a_card_masks_nothing() -> None:
    guard = CardGuard()
    guard.push(said("カード番号を教えていただけますか", 0))
    assert guard.take_news() == []


def test_running_text_shows_long_numbers_as_bullets_of_the_same_length() -> None:
    guard = CardGuard()
    [shown] = guard.push(running("番号は4111の11", 3_000))
    assert isinstance(shown, Partial)
    assert shown.stable + shown.unstable == "番号は●●●●●●●"
    [shown] = guard.push(running("三つで999円", 4_000))
    assert isinstance(shown, Partial)
    assert shown.stable + shown.unstable == "三つで999円"


def test_stable_text_is_only_ever_extended_though_a_number_turns_out_to_be_long() -> None:
    guard = CardGuard()
    shown = []
    for stable, unstable in (
        ("番号", "は"),
        ("番号は80", "1"),
        ("番号は8012", "34"),
        ("番号は801234で", "す"),
    ):
        partial = Partial(CUSTOMER, "1-0", 1, 0, 3_000, stable, unstable)
        [event] = guard.push(partial)
        assert isinstance(event, Partial)
        assert len(event.stable + event.unstable) == len(stable + unstable)
        shown.append(event.stable)
    assert shown == ["番号", "番号は80", "番号は80●●", "番号は80●●●●で"]


def test_later_words_of_an_utterance_do_not_bring_its_digits_back() -> None:
    guard = CardGuard()
    whole = said("4111111111111111です", 0)
    [first] = guard.push(whole)
    assert isinstance(first, Utterance)
    found = SpeakersFound(CUSTOMER, whole.utterance_id, 0, 1_000, whole.words)
    [later] = guard.push(found)
    assert isinstance(later, SpeakersFound)
    assert "1" not in "".join(word.text for word in later.words)


def test_what_a_vocabulary_word_replaced_and_what_was_not_believed_is_read_too() -> None:
    guard = CardGuard()
    number = said("4111111111111111", 0)
    spoken = [*number.words, Word("品番", 900, 950, 0.9, heard="4111")]
    event = Utterance(CUSTOMER, "1-0", 0, 1_000, "4111111111111111品番", tuple(spoken), "ja", "scripted")
    [passed] = guard.push(event)
    assert isinstance(passed, Utterance)
    assert passed.words[-1].heard == ""
    quarantined = Quarantined(CUSTOMER, 0, 900, "4111111111111111", "repetition")
    assert "1" not in "".join(texts(guard.push(quarantined)))


def test_nothing_waits_beyond_the_end() -> None:
    guard = CardGuard()
    guard.push(said("4821", 0))
    assert texts(guard.finish()) == ["4821"]
