"""Personal data in one utterance is found and masked."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.assist.redaction import PersonalData, Span, merged, personal_spans, redacted
from koemori.assist.redaction.numbers import luhn

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("小野寺剛です。080の1111の2301。", "[氏名]です。[電話番号]。"),
        ("佐藤さんに代わって", "[氏名]さんに代わって"),
        ("カード番号は4111の1111の1111の1111です", "カード番号は[カード番号]です"),
        ("契約番号はKの77120です", "契約番号は[番号]です"),
        ("6,670です、契約番号", "[番号]です、契約番号"),
        ("電話は2万881の0です、電話番号", "電話は[電話番号]です、電話番号"),
        ("東京都新宿区西新宿二丁目八番一号に住んでいます", "[住所]に住んでいます"),
        ("郵便番号は160-0023です", "郵便番号は[郵便番号]です"),
        ("taro@example.jpに送って", "[メール]に送って"),
        ("ティーエーアットマークexampleドットjpです", "[メール]です"),
        ("誕生日は昭和五十五年四月三日です", "誕生日は[生年月日]です"),
        ("有効期限は27年の3月です、カードの", "有効期限は[カード番号]です、カードの"),
        ("森と申しますが", "[氏名]と申しますが"),
        ("関ですけど、昨日の件で", "[氏名]ですけど、昨日の件で"),
        ("東様でいらっしゃいますね", "[氏名]様でいらっしゃいますね"),
        ("おのでらですけど", "[氏名]ですけど"),
        ("三浦って人に代わって", "[氏名]って人に代わって"),
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
        "森の中で林の近くの原っぱ",
        "関係者に原因を聞いて",
        "東口の店で買いました",
        "型番はWR9500HPです",
        "エラーコードが5012って出ます",
        "新宿の店で買ったんですけど",
        "山口の工場で作ってるんですか",
        "業者さんとお隣さんと旦那さん",
        "ダイソンの掃除機です",
        "0120の444の113におかけください",
        "1234567円の請求が来た",
        "何名様いらっしゃいますか",
        "いつになったら届くんですか",
        "ですからできないと申し上げています",
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


_SPANS = st.builds(
    lambda kind, start, length: Span(kind, start, start + length),
    st.sampled_from(PersonalData),
    st.integers(0, 30),
    st.integers(1, 10),
)


@given(st.lists(_SPANS, max_size=8))
def test_merging_leaves_nothing_uncovered_and_adds_nothing(spans: list[Span]) -> None:
    def covered(some: list[Span]) -> set[int]:
        return {place for span in some for place in range(span.start, span.end)}

    once = merged(spans)
    assert covered(once) == covered(spans)
    assert all(one.end <= other.start for one, other in pairwise(once))


@pytest.mark.parametrize(
    ("digits", "fits"), [("4111111111111111", True), ("4111111111111112", False), ("378282246310005", True)]
)
def test_luhn_tells_a_card(digits: str, fits: bool) -> None:
    assert luhn(digits) is fits
