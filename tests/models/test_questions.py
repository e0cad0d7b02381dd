"""Questions and where their time went."""

from __future__ import annotations

from dataclasses import replace

import pytest
from koemori.models.ports import Purpose
from koemori.models.questions import Question
from koemori.models.types import Timing, WorkTime

from tests.fakes.models import hypothesis, speech_window, tone

pytestmark = pytest.mark.unit


def question() -> Question:
    return Question(speech_window(tone(1000)), Purpose.FINAL, "", asked_ms=5000.0, waited_ms=192)


def test_a_question_is_answered_by_a_hypothesis_or_by_the_reason_why_there_is_none() -> None:
    asked = question()
    assert not asked.answered
    asked.answer = RuntimeError("no memory")
    assert asked.answered
    assert replace(asked, answer=hypothesis("はい")).answered


def test_time_is_parted_into_stages_that_add_up() -> None:
    asked = question()
    asked.answer = replace(hypothesis("はい"), work=WorkTime(encode_ms=80, decode_ms=150))
    asked.answered_ms = 5400.4
    timing = asked.timing(5500.0)
    assert timing == Timing(vad_ms=192, queue_ms=170, encode_ms=80, decode_ms=150, merge_ms=100)


def test_no_stage_is_negative_though_clocks_of_processes_differ() -> None:
    asked = question()
    asked.answer = replace(hypothesis("はい"), work=WorkTime(encode_ms=80, decode_ms=150))
    asked.answered_ms = 5229.0
    timing = asked.timing(5228.0)
    assert timing is not None
    assert (timing.queue_ms, timing.merge_ms) == (0, 0)


def test_without_a_hypothesis_there_is_no_timing() -> None:
    asked = question()
    assert asked.timing(6000.0) is None
    asked.answer = RuntimeError("no memory")
    assert asked.timing(6000.0) is None


def test_questions_are_told_apart_by_identity() -> None:
    first, second = question(), question()
    assert first != second
    assert len({first, second}) == 2
