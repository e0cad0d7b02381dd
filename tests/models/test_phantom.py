"""What is not believed, and what is."""

from __future__ import annotations

import numpy as np
import pytest
from koemori.models.phantom import PhantomGuard, PhantomReason

from tests.fakes.models import hypothesis, speech_window, tone

pytestmark = pytest.mark.unit

LOUD = tone(2000)


def test_an_ordinary_sentence_is_believed() -> None:
    assert PhantomGuard().judge(speech_window(LOUD), hypothesis("昨日の夜からつながりません。")) is None


@pytest.mark.parametrize(
    "text", ["はいはいはい", "バカバカバカ", "黙れ黙れ黙れ黙れ", "あああああ", "いやいやいやいや"]
)
def test_words_said_several_times_in_anger_are_believed(text: str) -> None:
    assert PhantomGuard().judge(speech_window(LOUD), hypothesis(text)) is None


@pytest.mark.parametrize(
    "text", ["ご視聴ありがとうございました。", "チャンネル登録、お願いします!", "Thanks for watching!"]
)
def test_a_presenters_farewell_is_never_believed(text: str) -> None:
    guard = PhantomGuard()
    assert guard.judge(speech_window(LOUD), hypothesis(text)) is PhantomReason.PHRASE
    assert not guard.believes_partial(hypothesis(text))


def test_a_sentence_that_only_contains_a_farewell_is_believed() -> None:
    text = "番組をご視聴ありがとうございましたと言われました"
    assert PhantomGuard().judge(speech_window(tone(4000)), hypothesis(text)) is None


def test_an_insult_over_noise_is_not_believed_and_over_speech_it_is() -> None:
    guard = PhantomGuard()
    assert guard.judge(speech_window(LOUD, 0.6), hypothesis("お前は")) is PhantomReason.PHRASE
    doubtful = hypothesis("お前は", log_probability=-0.9)
    assert guard.judge(speech_window(LOUD), doubtful) is PhantomReason.PHRASE
    assert guard.judge(speech_window(LOUD), hypothesis("お前は")) is None


@pytest.mark.parametrize(
    ("said", "window", "reason"),
    [
        (hypothesis("もしもし"), speech_window(tone(2000, 0.001)), PhantomReason.ENERGY),
        (hypothesis("もしもし"), speech_window(np.zeros(100, np.float32)), PhantomReason.ENERGY),
        (hypothesis("もしもし", no_speech=0.7), speech_window(LOUD, 0.6), PhantomReason.NO_SPEECH),
        (hypothesis("申し訳", compression=2.6), speech_window(LOUD), PhantomReason.COMPRESSION),
        (hypothesis("申し訳" * 9), speech_window(tone(9000)), PhantomReason.REPETITION),
        (hypothesis("あ" * 20), speech_window(tone(9000)), PhantomReason.REPETITION),
        (
            hypothesis("これはとても短い音にしては長すぎる文です"),
            speech_window(tone(300)),
            PhantomReason.TOKEN_RATE,
        ),
        (hypothesis("もしもし", log_probability=-1.8), speech_window(LOUD), PhantomReason.LOW_PROBABILITY),
    ],
)
def test_each_doubt_has_its_reason(said, window, reason: PhantomReason) -> None:  # type: ignore[no-untyped-def]
    assert PhantomGuard().judge(window, said) is reason


def test_the_models_doubt_alone_does_not_silence_clear_speech() -> None:
    assert PhantomGuard().judge(speech_window(LOUD, 0.95), hypothesis("もしもし", no_speech=0.7)) is None


def test_a_partial_that_loops_is_left_out() -> None:
    guard = PhantomGuard()
    assert not guard.believes_partial(hypothesis("ご不便を申し訳し申し訳し申し訳し"))
    assert not guard.believes_partial(hypothesis(""))
    assert guard.believes_partial(hypothesis("ご不便をおかけし"))
