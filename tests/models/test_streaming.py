"""What one channel asks the recogniser, and what it makes of the answers; in virtual time."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from koemori.models.errors import TranscriptionError, WorkerPoolBusyError
from koemori.models.ports import Load, LoadLevel, Purpose
from koemori.models.questions import ListenerConfig, Question
from koemori.models.segmenter import WINDOW_MS, SegmenterConfig
from koemori.models.streaming import NO_TEXT
from koemori.models.types import NotAssisted, Quarantined, Utterance, Word

from tests.fakes.models import hypothesis
from tests.fakes.streaming import Answer, VirtualChannel, growing, heard, same_delay

pytestmark = pytest.mark.unit

CONFIG = SegmenterConfig()


def windows(duration_ms: int) -> int:
    """A length in whole windows."""
    return duration_ms // WINDOW_MS * WINDOW_MS


def saying(text: str, delay_ms: float = 100) -> VirtualChannel:
    return VirtualChannel(same_delay(delay_ms, lambda _: text))


def test_text_grows_while_someone_speaks_and_ends_as_one_utterance() -> None:
    channel = VirtualChannel()
    channel.speak(4000)
    channel.pause(1000)
    assert len(channel.partials) >= 5
    assert channel.partials[-1].stable
    for before, after in itertools.pairwise(channel.partials):
        assert after.stable.startswith(before.stable)
    [said] = channel.utterances
    assert channel.events[-1] is said
    assert {event.utterance_id for event in channel.partials} == {said.utterance_id} == {"1-0"}
    assert (said.start_ms, said.end_ms) == (0, windows(4000))


def test_partials_come_no_more_often_than_settings_and_load_allow() -> None:
    for interval_ms in (0, 1500):
        channel = VirtualChannel(load=Load(LoadLevel.NORMAL, interval_ms))
        channel.speak(9000)
        ends = [0, *(question.window.speech_end_ms for question in channel.purposes(Purpose.PARTIAL))]
        steps = [after - before for before, after in itertools.pairwise(ends)]
        assert min(steps) >= max(interval_ms, channel.config.partial_interval_ms)
        assert max(steps) <= max(interval_ms, channel.config.partial_interval_ms) + WINDOW_MS


def test_a_slow_answer_delays_the_next_partial() -> None:
    channel = VirtualChannel(same_delay(2000))
    channel.speak(6000)
    asked = [question.asked_ms for question in channel.purposes(Purpose.PARTIAL)]
    assert all(after - before >= 2000 for before, after in itertools.pairwise(asked))


@pytest.mark.parametrize("level", [LoadLevel.PARTIALS_OFF, LoadLevel.LARGE_WINDOWS, LoadLevel.SHEDDING])
def test_under_load_no_partial_is_asked(level: LoadLevel) -> None:
    channel = VirtualChannel(load=Load(level, 576))
    channel.speak(4000)
    channel.pause(1500)
    assert channel.purposes(Purpose.PARTIAL) == []
    assert len(channel.utterances) == 1


def test_the_final_asked_at_a_pause_costs_no_time_when_the_speech_has_ended() -> None:
    channel = VirtualChannel(same_delay(150))
    channel.speak(1920)
    channel.pause(CONFIG.endpoint_ms)
    [said] = channel.utterances
    assert channel.purposes(Purpose.FINAL) == []
    assert channel.counts.finals_in_advance_used == 1
    assert channel.at_ms[-1] - channel.heard_at[said.end_ms] == CONFIG.endpoint_ms
    assert said.timing is not None
    assert said.timing.vad_ms == CONFIG.pause_ms
    assert said.timing.merge_ms == CONFIG.endpoint_ms - CONFIG.pause_ms - 150


def test_a_late_final_in_advance_is_waited_for() -> None:
    channel = VirtualChannel(same_delay(1000))
    channel.speak(1920)
    channel.pause(2000)
    [said] = channel.utterances
    assert said.timing is not None
    assert said.timing.vad_ms == CONFIG.pause_ms
    assert said.timing.merge_ms == 0
    assert sum((said.timing.queue_ms, said.timing.encode_ms, said.timing.decode_ms)) == 1000


def test_nothing_is_asked_in_advance_while_windows_wait() -> None:
    channel = VirtualChannel(load=Load(waiting=1))
    channel.speak(1920)
    channel.pause(1000)
    assert [question.purpose for question in channel.asked if question.purpose is not Purpose.PARTIAL] == [
        Purpose.FINAL
    ]
    assert len(channel.utterances) == 1


def test_speech_that_goes_on_makes_the_advance_a_partial() -> None:
    channel = VirtualChannel(same_delay(150))
    channel.speak(480)
    channel.pause(320)
    channel.speak(1600)
    channel.pause(1000)
    assert channel.counts.finals_in_advance == 2
    assert channel.counts.finals_in_advance_used == 1
    assert channel.partials[0].end_ms == windows(480)
    assert len(channel.utterances) == 1


def test_an_advance_overtaken_by_the_next_pause_is_unwanted() -> None:
    channel = VirtualChannel(same_delay(5000))
    for _ in range(2):
        channel.speak(640)
        channel.pause(320)
    advances = channel.purposes(Purpose.ADVANCE)
    assert len(advances) == 2
    assert advances[0] in channel.unwanted
    channel.finish()
    assert [event.end_ms for event in channel.utterances] == [windows(1600)]


def test_a_refused_advance_costs_nothing() -> None:
    def say(question: Question) -> Answer:
        if question.purpose is Purpose.ADVANCE:
            return WorkerPoolBusyError(1), 0
        return heard(question, growing(question)), 100

    channel = VirtualChannel(say)
    channel.speak(1920)
    channel.pause(1000)
    assert [question.purpose for question in channel.asked[-2:]] == [Purpose.ADVANCE, Purpose.FINAL]
    assert len(channel.utterances) == 1
    assert channel.counts.partials_dropped == 0


def test_an_advance_refused_after_it_became_the_final_is_asked_again() -> None:
    def say(question: Question) -> Answer:
        if question.purpose is Purpose.ADVANCE:
            return WorkerPoolBusyError(1), 40
        return heard(question, growing(question)), 100

    channel = VirtualChannel(say)
    channel.speak(1920)
    channel.pause(CONFIG.pause_ms)
    channel.finish()
    [said] = channel.utterances
    assert said.timing is not None
    assert said.timing.vad_ms == CONFIG.pause_ms


@pytest.mark.parametrize("word", ["はい", "ええ。", "承知しました"])
def test_a_back_channel_ends_after_a_short_silence(word: str) -> None:
    channel = saying(word)
    channel.speak(320)
    channel.pause(CONFIG.complete_endpoint_ms - WINDOW_MS)
    assert channel.utterances == []
    channel.pause(WINDOW_MS)
    [said] = channel.utterances
    assert said.text == word


def test_a_complete_sentence_whose_answer_comes_late_ends_at_once() -> None:
    channel = saying("昨日届きました。", delay_ms=400)
    channel.speak(1600)
    channel.pause(CONFIG.endpoint_ms - WINDOW_MS)
    [said] = channel.utterances
    assert channel.at_ms[-1] - channel.heard_at[said.end_ms] == CONFIG.pause_ms + 400


@pytest.mark.parametrize("text", ["昨日届いたんですけど", "契約のことなので", "えっと"])
def test_an_open_end_waits_for_the_whole_endpoint(text: str) -> None:
    channel = saying(text)
    channel.speak(1600)
    channel.pause(CONFIG.endpoint_ms - WINDOW_MS)
    assert channel.utterances == []
    channel.pause(WINDOW_MS)
    assert [event.text for event in channel.utterances] == [text]


def test_a_complete_sentence_that_goes_on_is_one_utterance() -> None:
    channel = saying("そうです")
    channel.speak(960)
    channel.pause(CONFIG.complete_endpoint_ms - WINDOW_MS)
    channel.speak(960)
    channel.pause(1000)
    assert [event.start_ms for event in channel.utterances] == [0]


def test_large_windows_keep_longer_pauses_in_the_utterance() -> None:
    def utterances(level: LoadLevel) -> list[int]:
        channel = VirtualChannel(load=Load(level))
        for _ in range(2):
            channel.speak(1920)
            channel.pause(CONFIG.large_endpoint_ms - WINDOW_MS)
        channel.finish()
        return [event.start_ms for event in channel.utterances]

    assert utterances(LoadLevel.PARTIALS_OFF) == [0, 1920 + windows(CONFIG.large_endpoint_ms) - WINDOW_MS]
    assert utterances(LoadLevel.LARGE_WINDOWS) == [0]


def test_large_windows_end_after_their_own_silence_and_ask_nothing_in_advance() -> None:
    channel = VirtualChannel(load=Load(LoadLevel.LARGE_WINDOWS))
    channel.speak(1920)
    channel.pause(CONFIG.large_endpoint_ms - WINDOW_MS)
    assert channel.asked == []
    channel.pause(WINDOW_MS)
    assert [question.purpose for question in channel.asked] == [Purpose.FINAL]


def test_when_the_load_falls_the_usual_endpoint_counts_again() -> None:
    channel = VirtualChannel(load=Load(LoadLevel.LARGE_WINDOWS))
    channel.speak(1920)
    channel.pause(CONFIG.endpoint_ms)
    channel.load = Load(LoadLevel.PARTIALS_OFF)
    channel.pause(WINDOW_MS)
    assert channel.counts.finals_asked == 1


def cut_monologue(channel: VirtualChannel, quiet_ms: int) -> None:
    """Speech without a pause until it has been cut; its quietest 96 ms begin at `quiet_ms`."""
    channel.speak(quiet_ms)
    channel.speak(96, level=0.005)
    while not channel.counts.finals_asked:
        channel.speak(WINDOW_MS)


def test_a_forced_cut_falls_at_a_word_end_and_not_at_the_quietest_point() -> None:
    border_ms = 11_200

    def say(question: Question) -> Answer:
        words = tuple(Word("あ", end_ms - 500, end_ms, 0.9) for end_ms in (2000, 6000, border_ms))
        return replace(hypothesis("あああ"), words=words), 100

    channel = VirtualChannel(say)
    cut_monologue(channel, quiet_ms=11_800)
    [final] = channel.purposes(Purpose.FINAL)
    assert abs(final.window.segment.end_ms - border_ms) <= 2 * WINDOW_MS


def test_without_words_a_forced_cut_falls_at_the_quietest_point() -> None:
    channel = VirtualChannel(config=ListenerConfig(partials=False))
    cut_monologue(channel, quiet_ms=11_808)
    [final] = channel.purposes(Purpose.FINAL)
    assert abs(final.window.segment.end_ms - 11_856) <= WINDOW_MS


def test_what_follows_a_forced_cut_is_recognised_with_the_text_before_it() -> None:
    channel = VirtualChannel(config=ListenerConfig(prompt="声守。", context_characters=8))
    cut_monologue(channel, quiet_ms=11_800)
    channel.speak(1600)
    channel.pause(1000)
    head, tail = channel.utterances
    [first] = channel.purposes(Purpose.FINAL)
    assert first.prompt == "声守。"
    after = [question for question in channel.asked if question.window.speech_start_ms >= tail.start_ms]
    [prompt] = {question.prompt for question in after}
    context = prompt.removeprefix("声守。")
    assert len(context) == 8
    assert context in head.text
    assert head.text.index(context) + len(context) >= len(head.text) - 3
    channel.speak(1600)
    assert channel.asked[-1].prompt == "声守。"


def test_the_context_holds_no_word_from_after_the_cut() -> None:
    channel = VirtualChannel()
    cut_monologue(channel, quiet_ms=11_400)
    [final] = channel.purposes(Purpose.FINAL)
    cut_ms = final.window.segment.end_ms
    newest = [question for question in channel.answered if question.purpose is Purpose.PARTIAL][-1]
    assert newest.window.speech_end_ms > cut_ms + 200
    channel.speak(1600)
    context = channel.asked[-1].prompt
    assert context
    assert growing(newest).find(context) + len(context) <= cut_ms // 250 + 1


def test_a_context_is_not_carried_over_a_silence() -> None:
    channel = VirtualChannel()
    cut_monologue(channel, quiet_ms=CONFIG.longest_ms - 96)
    channel.pause(3000)
    channel.speak(1600)
    assert channel.asked[-1].window.speech_start_ms > CONFIG.longest_ms + 2000
    assert channel.asked[-1].prompt == ""


def test_finals_come_in_order_though_the_first_answer_is_last() -> None:
    delays = iter([3000.0, 10.0])
    channel = VirtualChannel(
        lambda question: (heard(question, growing(question)), next(delays)), ListenerConfig(partials=False)
    )
    for _ in range(2):
        channel.speak(960)
        channel.pause(800)
    assert channel.utterances == []
    assert channel.policy.pending_ms > 2 * 960
    assert channel.policy.finals_from_ms == windows(960)
    assert not channel.policy.settled
    channel.pause(2000)
    assert [event.start_ms for event in channel.utterances] == [0, 1760]
    assert channel.policy.pending_ms == 0
    assert channel.policy.settled


def test_a_failed_final_is_a_gap_of_its_utterance_and_no_other() -> None:
    def say(question: Question) -> Answer:
        if question.window.speech_start_ms == 0 and question.purpose is not Purpose.PARTIAL:
            return TranscriptionError("expected words; none came"), 100
        return heard(question, growing(question)), 100

    channel = VirtualChannel(say)
    for _ in range(2):
        channel.speak(960)
        channel.pause(1600)
    lost, said = channel.closings
    assert isinstance(lost, NotAssisted)
    assert (lost.utterance_id, lost.end_ms, lost.reason) == ("1-0", windows(960), "transcription")
    assert isinstance(said, Utterance)
    assert channel.counts.not_assisted_ms == windows(960)


def test_a_final_that_is_not_believed_takes_its_partials_back() -> None:
    def say(question: Question) -> Answer:
        text = growing(question) if question.purpose is Purpose.PARTIAL else "ご視聴ありがとうございました"
        return heard(question, text), 100

    channel = VirtualChannel(say)
    channel.speak(3000)
    channel.pause(1000)
    *shown, doubted = channel.events
    assert shown
    assert isinstance(doubted, Quarantined)
    assert doubted.reason == "phantom_phrase"
    assert doubted.utterance_id == "1-0"


@pytest.mark.parametrize("partials", [True, False])
def test_a_final_without_words_speaks_up_only_when_text_was_shown(partials: bool) -> None:
    def say(question: Question) -> Answer:
        return hypothesis(growing(question) if question.purpose is Purpose.PARTIAL else ""), 100

    channel = VirtualChannel(say, ListenerConfig(partials=partials))
    channel.speak(3000)
    channel.pause(1000)
    assert [event.reason for event in channel.closings if isinstance(event, Quarantined)] == (
        [NO_TEXT] if partials else []
    )
    assert channel.utterances == []
    assert channel.policy.settled


def test_a_detector_that_fails_leaves_one_span() -> None:
    channel = VirtualChannel()
    channel.speak(960)
    channel.go_deaf(20)
    channel.speak(960)
    channel.pause(1000)
    [deaf] = [event for event in channel.events if isinstance(event, NotAssisted)]
    assert (deaf.start_ms, deaf.end_ms, deaf.reason) == (960, 960 + 20 * WINDOW_MS, "vad")
    assert [event.start_ms for event in channel.utterances] == [0, deaf.end_ms]


def test_a_gap_while_the_detector_fails_is_not_counted_as_unheard() -> None:
    channel = VirtualChannel()
    channel.go_deaf(10)
    channel.jump(5000)
    channel.go_deaf(10)
    channel.finish()
    spans = [(event.start_ms, event.end_ms) for event in channel.events if isinstance(event, NotAssisted)]
    assert spans == [(0, 320), (5320, 5640)]
    assert channel.counts.not_assisted_ms == 640


def test_dropped_audio_is_said_and_ends_what_was_going_on() -> None:
    channel = VirtualChannel()
    channel.speak(1600)
    channel.jump(3000, left_out=True)
    channel.speak(960)
    channel.finish()
    [left_out] = [event for event in channel.events if isinstance(event, NotAssisted)]
    assert (left_out.start_ms, left_out.end_ms, left_out.reason) == (1600, 4600, "overload")
    assert [event.start_ms for event in channel.utterances] == [0, 4600]


def test_the_end_of_a_call_ends_what_was_being_said() -> None:
    channel = VirtualChannel()
    channel.speak(1600)
    channel.finish()
    assert [event.end_ms for event in channel.utterances] == [1600]
