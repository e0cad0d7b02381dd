"""Folding, readings and the way back to the original words."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.assist.language import analyze, fold, phonetic, views

pytestmark = pytest.mark.unit

_SPOKEN = st.text(alphabet="あかさドゲザ土下座ーぁッ、。 !?ABCabc１２漢字ﾊﾞｶ〜々", max_size=40)


def test_one_word_in_three_spellings_folds_to_one() -> None:
    assert fold("バカァ") == fold("ばかー") == fold("ばかぁ") == "ばかあ"


def test_half_width_katakana_is_read() -> None:
    assert analyze("ﾊﾞｶやろう").surface == "ばかやろう"


def test_a_kanji_word_and_its_kana_have_one_reading() -> None:
    assert "どげざしろ" in analyze("土下座しろ").reading
    assert analyze("車長を出せ").reading == analyze("社長を出せ").reading


def test_sounds_that_are_one_are_written_as_one() -> None:
    assert phonetic("セイイ") == phonetic("せええ")
    assert phonetic("ヅツ") == phonetic("ずつ")


def test_quote_gives_the_exact_words_of_the_original() -> None:
    analysis = analyze("だから、土下座 しろって!言ってんだよ")
    start = analysis.surface.index("土下座")
    assert analysis.quote(start, start + 5) == "土下座 しろ"


def test_long_runs_of_one_character_are_cut() -> None:
    assert len(analyze("あ" * 200).surface) == 3


def test_fillers_are_left_out_in_a_second_view() -> None:
    plain, bare = views("後ろにおる人まあ間の名前")
    assert "人まあ間" in plain.surface
    assert "人間" in bare.surface
    start = bare.surface.index("人間")
    assert bare.quote(start, start + 2) == "人まあ間"


def test_text_without_fillers_has_one_view() -> None:
    assert len(views("土下座しろ")) == 1


def test_sentence_particles_do_not_hide_the_end_of_a_clause() -> None:
    analysis = analyze("死ねよ 早く")
    assert analysis.surface.index("よ") in analysis.soft_ends


def test_threads_share_one_dictionary() -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n: found.append(analyze(f"土下座しろ{n}").reading)) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(reading.startswith("どげざしろ") for reading in found)


@settings(max_examples=60, deadline=None)
@given(_SPOKEN)
def test_maps_always_lead_back_into_the_original(text: str) -> None:
    for view in views(text):
        assert len(view.surface) == len(view.origin)
        assert list(view.origin) == sorted(view.origin)
        assert len(view.reading) == len(view.reading_starts) == len(view.reading_ends)
        assert all(-1 <= place <= len(view.surface) for place in view.reading_ends)
        if view.surface:
            assert view.quote(0, len(view.surface)).strip() in text
