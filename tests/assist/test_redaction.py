"""Personal data is found and masked."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.assist.redaction import PersonalData, personal_spans, redacted

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("小野寺剛です。080の1111の2301。", "[氏名]です。[電話番号]。"),
        ("佐藤さんに代わって", "[氏名]さんに代わって"),
        ("カード番号は4111の1111の1111の1111です", "カード番号は[カード番号]です"),
        ("契約番号はKの77120です", "契約番号はKの[番号]です"),
        ("東京都新宿区西新宿二丁目八番一号に住んでいます", "[住所]に住んでいます"),
        ("郵便番号は160-0023です", "郵便番号は[郵便番号]です"),
        ("taro@example.jpに送って", "[メール]に送って"),
    ],
)
def test_personal_data_is_masked(text: str, masked: str) -> None:
    assert redacted(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "お客様の声",
        "3000円払った",
        "2025年に買った",
        "来月一日に伺います",
        "店員さんの態度",
        "ルーターが壊れた",
    ],
)
def test_other_words_stay(text: str) -> None:
    assert redacted(text) == text


@given(st.text(alphabet="あ漢字AZ0819の、。 -@様さん田中県市1234567890", max_size=60))
def test_spans_are_in_order_apart_and_inside_the_text(text: str) -> None:
    spans = personal_spans(text)
    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))


@given(st.from_regex(r"0[789]0[1-9][0-9]{7}", fullmatch=True))
def test_no_mobile_number_survives(digits: str) -> None:
    assert digits not in redacted(f"番号は{digits}です")
    assert personal_spans(digits)[0].kind is PersonalData.PHONE
