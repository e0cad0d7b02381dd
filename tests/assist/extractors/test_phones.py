"""Phone numbers as people say them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.assist.extractors.phones import PhoneExtractor
from koemori.assist.types import CallFacts

from tests.fakes.conversation import read, shipped_playbook

pytestmark = pytest.mark.unit
ASKED = ("a", "お電話番号をお願いいたします")


def phone(*turns: tuple[str, str]) -> str | None:
    proposal = read(PhoneExtractor(CallFacts("c"), shipped_playbook()), *turns).get("phone")
    return None if proposal is None else proposal.value


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("080の1111の2301です", "080-1111-2301"),
        ("08011112301", "080-1111-2301"),
        ("０８０ー１１１１ー２３０１", "080-1111-2301"),
        ("〇八〇の一一一一の二三〇一です", "080-1111-2301"),
        ("ゼロハチゼロのイチイチイチイチのニーサンゼロイチです", "080-1111-2301"),
        ("092の101の1113", "092-101-1113"),
        ("03の3333の4403です", "03-3333-4403"),
        ("0333334403です", "03-3333-4403"),
        ("0120の123の456", "0120-123-456"),
    ],
)
def test_a_number_is_read_in_every_way_it_is_said(said: str, number: str) -> None:
    assert phone(ASKED, ("c", said)) == number


def test_a_number_without_a_pause_after_an_order_number_is_still_found() -> None:
    assert phone(ASKED, ("c", "堀口健太Bの6670080の7777の8809")) == "080-7777-8809"


def test_a_number_said_in_parts_over_several_turns_is_joined_with_all_its_utterances() -> None:
    script = [
        ("c", "ゼロキュウゼロの"),
        ("a", "はい"),
        ("c", "1234の"),
        ("a", "1234"),
        ("c", "5678です"),
    ]
    proposal = read(PhoneExtractor(CallFacts("c"), shipped_playbook()), ASKED, *script)["phone"]
    assert proposal.value == "090-1234-5678"
    assert proposal.utterance_ids == ("u1", "u3", "u5")


def test_a_correction_of_the_last_four_digits_wins_over_the_read_back() -> None:
    script = [
        ("c", "090の1234の5678です"),
        ("a", "復唱いたします。090の1234の5678でお間違いないでしょうか"),
        ("c", "いえ違います、5679です"),
    ]
    assert phone(ASKED, *script) == "090-1234-5679"


def test_the_agents_read_back_wins_over_the_first_mention() -> None:
    assert phone(("c", "090の1234の5678です"), ("a", "090の1234の5679でございますね")) == "090-1234-5679"


def test_a_number_the_agent_gives_out_is_not_the_customers() -> None:
    assert phone(("a", "専門の窓口の番号は0120の123の456でございます")) is None


@pytest.mark.parametrize(
    "said", ["契約番号はKの77120です", "三千円払いました", "2025年の4月10日です", "電話番号は言う必要ない"]
)
def test_other_numbers_are_no_phone_numbers(said: str) -> None:
    assert phone(ASKED, ("c", said)) is None


@given(st.from_regex(r"0[789]0[1-9][0-9]{7}", fullmatch=True), st.sampled_from(["の", "-", "、", " ", ""]))
def test_any_mobile_number_comes_out_in_the_normal_form(digits: str, between: str) -> None:
    groups = (digits[:3], digits[3:7], digits[7:])
    assert phone(("c", between.join(groups) + "です")) == "-".join(groups)


@pytest.mark.parametrize(
    ("first", "read_back", "again", "number"),
    [
        (
            "080の0629の4417。",
            "080の0629の4471ですね。",
            "いえ、最後は4417です。よん、よん、いち、なな。",
            "080-0629-4417",
        ),
        ("070の0313の5841。", "070の0313の5481ですね", "違う違う5841はちよん", "070-0313-5841"),
        ("070の0313の5841", "070の0331の5841ですね", "いや、0313です", "070-0313-5841"),
        ("070の0313の5841", "070の0313の5841ですね", "あ違う、末尾は8です", "070-0313-5848"),
        ("070の0313の5841", "070の0313の5841ですね", "5841じゃなくて5814", "070-0313-5814"),
    ],
)
def test_only_what_was_wrong_is_said_again(first: str, read_back: str, again: str, number: str) -> None:
    assert phone(ASKED, ("c", first), ("a", read_back), ("c", again)) == number


def test_a_slip_of_the_tongue_is_mended_within_the_utterance() -> None:
    assert phone(ASKED, ("c", "03の0566の、4、いや違う、1408だ。")) == "03-0566-1408"


def test_the_number_the_agent_calls_from_is_not_the_customers() -> None:
    assert phone(("a", "私どもからは03の1234の5678からお電話いたします。ご確認ください")) is None


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("オノデラ 80の1111の2301 契約番号は77120", "080-1111-2301"),
        ("乗6670、80の7777の8809", "080-7777-8809"),
        ("電話は、3の3333の4403。", "03-3333-4403"),
        ("小肌。92の101の1113の8080。", "092-101-1113"),
    ],
)
def test_a_zero_that_nobody_says_is_added_with_less_confidence(said: str, number: str) -> None:
    proposal = read(PhoneExtractor(CallFacts("c"), shipped_playbook()), ASKED, ("c", said))["phone"]
    assert (proposal.value, proposal.confidence) == (number, 0.6)


@pytest.mark.parametrize("said", ["6の3030の315", "伝票番号は92の101の1113です", "80の5、1510の1517"])
def test_groups_that_are_none_of_a_phone_number_get_no_zero(said: str) -> None:
    assert phone(ASKED, ("c", said)) is None


def test_a_zero_said_when_the_agent_reads_back_confirms_the_number() -> None:
    script = [("c", "80の1111の2301です"), ("a", "080の1111の2301でございますね")]
    proposal = read(PhoneExtractor(CallFacts("c"), shipped_playbook()), ASKED, *script)["phone"]
    assert (proposal.value, proposal.confidence) == ("080-1111-2301", 0.9)


def test_a_mobile_of_the_new_060_range_is_told_from_a_line_in_osaka() -> None:
    assert phone(ASKED, ("c", "060の7741の2280です")) == "060-7741-2280"
    assert phone(ASKED, ("c", "06の0140の3390です")) == "06-0140-3390"
