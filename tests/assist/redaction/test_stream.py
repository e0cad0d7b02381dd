"""A call's redactor: what was asked for, numbers in pieces, read-backs, names once learnt."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.assist.redaction import HeardSpan, PersonalData, Redactor, Span, masked, merged
from koemori.assist.types import Heard
from koemori.audio.call import ChannelRole

pytestmark = pytest.mark.unit

SPEAKERS = {"A": ChannelRole.AGENT, "C": ChannelRole.CUSTOMER}


def heard(lines: Sequence[str], every_ms: int = 2_000) -> list[Heard]:
    """`"A:words"` and `"C:words"`, one after the other."""
    return [
        Heard(str(place), SPEAKERS[line[0]], place * every_ms, (place + 1) * every_ms - 200, line[2:])
        for place, line in enumerate(lines)
    ]


def redact(lines: Sequence[str], names: Sequence[str] = (), numbers: Sequence[str] = ()) -> list[str]:
    redactor = Redactor(names, numbers)
    said = heard(lines)
    for one in said:
        redactor.push(one)
    spans = redactor.spans()
    return [masked(one.text, spans[one.utterance_id]) for one in said]


def test_a_phone_number_in_three_turns_is_redacted_when_it_was_asked_for() -> None:
    assert redact(["A:お電話番号は。", "C:080の", "A:はい", "C:1111の", "A:はい", "C:2301です"]) == [
        "お電話番号は。",
        "[電話番号]の",
        "はい",
        "[電話番号]の",
        "はい",
        "[電話番号]です",
    ]


def test_a_number_nobody_asked_for_is_redacted_once_its_pieces_make_one() -> None:
    redactor = Redactor()
    first, second, third = heard(["C:090", "C:555", "C:6607です"])
    assert redactor.push(first) == []
    assert redactor.push(second) == []
    assert [(new.utterance_id, new.span.kind) for new in redactor.push(third)] == [
        ("2", PersonalData.NUMBER),
        ("0", PersonalData.PHONE),
        ("1", PersonalData.PHONE),
        ("2", PersonalData.PHONE),
    ]
    assert redactor.spans()["0"] == [Span(PersonalData.PHONE, 0, 3)]


def test_four_groups_of_a_card_are_a_card() -> None:
    redactor = Redactor()
    for one in heard(["A:カード番号を四桁ずつどうぞ", "C:4111", "A:はい", "C:1111", "C:1111", "C:1111です"]):
        redactor.push(one)
    kinds = [span.kind for spans in redactor.spans().values() for span in spans]
    assert kinds == [PersonalData.CARD] * 4


def test_what_follows_the_card_number_is_the_cards_too() -> None:
    shown = redact(["A:セキュリティコードをお願いします。", "C:123", "A:有効期限は。", "C:08の27です"])
    assert (shown[1], shown[3]) == ("[カード番号]", "[カード番号]です")


def test_a_count_after_a_question_for_a_number_stays() -> None:
    assert (
        redact(["A:お電話番号をお願いします。", "C:3分待って、20円玉しかない"])[1]
        == "3分待って、20円玉しかない"
    )


def test_the_agents_read_back_is_redacted_in_whole_and_in_part() -> None:
    shown = redact(["C:080の1111の2301", "A:下四桁は2301ですね", "A:080、1111、2301ですね"])
    assert shown == ["[電話番号]", "下四桁は[電話番号]ですね", "[電話番号]ですね"]


def test_a_name_is_believed_where_one_was_asked_for_and_not_elsewhere() -> None:
    asked = redact(["A:お名前をお願いします。", "C:星です"])
    assert asked[1] == "[氏名]です"
    assert redact(["A:どんな柄でしょうか。", "C:星の柄です"])[1] == "星の柄です"


def test_a_name_that_was_learnt_is_found_in_earlier_words() -> None:
    shown = redact(["C:五百旗頭から来た荷物なんです", "A:お名前をお願いします。", "C:五百旗頭と申します"])
    assert shown[0] == "[氏名]から来た荷物なんです"


def test_a_known_person_is_found_by_spelling_and_by_reading() -> None:
    shown = redact(["A:斧寺様ですね", "C:おのでらが言いました", "C:小野寺だよ"], names=["小野寺剛"])
    assert shown == ["[氏名]様ですね", "[氏名]が言いました", "[氏名]だよ"]


def test_the_parts_of_a_known_name_are_known() -> None:
    shown = redact(["A:応対が遅れました、応対でございます", "A:一郎です"], names=["応対 一郎"])
    assert shown == ["応対が遅れました、[氏名]でございます", "[氏名]です"]


def test_sugar_stays_where_mister_sato_is_known() -> None:
    assert redact(["C:砂糖を頼んだのに塩が来た"], names=["佐藤"]) == ["砂糖を頼んだのに塩が来た"]


def test_known_numbers_are_found_in_part_and_amounts_stay() -> None:
    shown = redact(["C:最後は2301", "C:301円です"], numbers=["+81-80-1111-2301"])
    assert shown == ["最後は[電話番号]", "301円です"]


def test_a_forgotten_question_does_not_make_numbers_of_counts() -> None:
    lines = ["A:お電話番号をお願いします。", *["C:それより先に話を聞いてくれ"] * 6, "C:12回も電話した、30だ"]
    assert redact(lines)[-1] == "12回も電話した、30だ"


@given(
    st.lists(
        st.tuples(
            st.sampled_from("AC"),
            st.sampled_from(
                [
                    "お電話番号は。",
                    "080",
                    "1111です",
                    "森です",
                    "お名前は。",
                    "はい",
                    "小野寺様",
                    "東京都新宿区1の2",
                    "4111",
                ]
            ),
        ),
        max_size=10,
    )
)
def test_what_was_ever_returned_is_the_whole_and_nothing_is_taken_back(lines: list[tuple[str, str]]) -> None:
    redactor = Redactor()
    returned: list[HeardSpan] = []
    for one in heard([f"{who}:{text}" for who, text in lines]):
        returned += redactor.push(one)
    for utterance_id, spans in redactor.spans().items():
        told = merged(new.span for new in returned if new.utterance_id == utterance_id)
        assert [(span.start, span.end) for span in told] == [(span.start, span.end) for span in spans]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "A:ネットサポートのキムラでございます。通話は録音しております。",
            "ネットサポートの[氏名]でございます。通話は録音しております。",
        ),
        ("A:木の下でございます。", "[氏名]でございます。"),
        (
            "A:子がさま、ご心配をおかけし申し訳ございません。",
            "[氏名]さま、ご心配をおかけし申し訳ございません。",
        ),
        ("C:ニシなだけど、コートのボタンが", "[氏名]だけど、コートのボタンが"),
        ("A:お客様、少々お待ちください。", "お客様、少々お待ちください。"),
        ("C:ルーターですけど、つながりません", "ルーターですけど、つながりません"),
        ("A:サポートセンターでございます。", "サポートセンターでございます。"),
    ],
)
def test_a_garbled_name_is_known_by_its_place_in_the_call(line: str, shown: str) -> None:
    assert redact([line]) == [shown]


def test_a_garbled_answer_to_a_question_for_a_name_is_one() -> None:
    shown = redact(
        ["A:お名前とご注文番号をお願いできますか。", "C:ホリグチケンダー 6,678、福井スマオの5521年は"]
    )
    assert "ホリグチ" not in shown[1]
    assert "5521" not in shown[1]
