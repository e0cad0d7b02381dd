"""The caller's own name, and nobody else's."""

from __future__ import annotations

import pytest
from koemori.assist.extractors.names import NameExtractor
from koemori.assist.types import CallFacts

from tests.fakes.conversation import read, shipped_playbook

pytestmark = pytest.mark.unit
ASKED = ("a", "お名前とお電話番号をお願いいたします")


def name(*turns: tuple[str, str]) -> str | None:
    proposal = read(NameExtractor(CallFacts("c"), shipped_playbook()), *turns).get("customer_name")
    return None if proposal is None else proposal.value


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("小野寺剛。080の1111の2301。", "小野寺剛"),
        ("小野寺剛080の1111の2301契約番号はKの77120早くしてよ", "小野寺剛"),
        ("堀口健太Bの6670", "堀口健太"),
        ("えーと、森下彩です", "森下彩"),
        ("古賀だ、092の101の1113", "古賀"),
        ("イワノフです", "イワノフ"),
        ("勅使河原と申します", "勅使河原"),
        ("樋口いう者やけどな", "樋口"),
    ],
)
def test_a_name_is_read_when_the_agent_asked(said: str, value: str) -> None:
    assert name(ASKED, ("c", said)) == value


def test_a_name_in_passing_is_read_from_the_introduction() -> None:
    assert name(("c", "払っていただけるんですね。石橋奈々です。080の5050の1517。")) == "石橋奈々"


@pytest.mark.parametrize(
    "said",
    [
        "担当の佐藤さんいますか",
        "名前なんかいいでしょ、とにかく聞いてよ",
        "グエン?外国人か。日本人に代わってくれ。",
        "知らねえよそんなの",
        "中国で買いました",
    ],
)
def test_other_peoples_names_and_none_are_not_the_callers(said: str) -> None:
    assert name(ASKED, ("c", said)) is None


def test_the_agents_own_name_is_not_the_customers() -> None:
    assert name(("a", "ネットサポートの木村でございます。"), ("c", "つながらないんですけど")) is None


def test_the_read_back_corrects_a_misheard_family_name_and_keeps_the_given_name() -> None:
    assert name(ASKED, ("c", "小野田剛です"), ("a", "小野寺様、ありがとうございます")) == "小野寺剛"


def test_a_correction_by_the_customer_wins_over_the_read_back() -> None:
    script = [("c", "清水です"), ("a", "志水様ですね"), ("c", "違います、清水です")]
    assert name(ASKED, *script) == "清水"


@pytest.mark.parametrize("said", ["お客様のご都合", "代理人様以外には", "お子様がいらっしゃる", "皆様に"])
def test_what_people_are_is_not_their_name(said: str) -> None:
    assert name(("a", said)) is None


@pytest.mark.parametrize(
    ("said", "value"),
    [("林です", "林"), ("山口よ", "山口"), ("島田や。06の1234の5678や", "島田"), ("近藤っていうの", "近藤")],
)
def test_names_that_are_also_other_words_are_believed_when_asked_for(said: str, value: str) -> None:
    assert name(ASKED, ("c", said)) == value


def test_such_words_are_no_names_when_nobody_asked() -> None:
    assert name(("c", "東です、森の近くの")) is None


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("つづらはら。黒いっていう字に、くず湯の葛、それと原っぱの原で黒葛原。電話は080の", "黒葛原"),
        ("わたぬきです。四月一日って書いて、わたぬき。番号は", "四月一日"),
        ("六反田です。数字の六に、反対の反、田んぼの田。下はすみれ、ひらがなで。", "六反田すみれ"),
        ("契約者は父の小林で、私は娘の小林由紀です", "小林由紀"),
        ("妻の田中恵子です", "田中恵子"),
    ],
)
def test_names_are_read_from_their_spelling_and_from_who_says_them(said: str, value: str) -> None:
    assert name(ASKED, ("c", said)) == value


def test_a_name_in_kana_is_believed_less_and_gives_way_to_the_read_back() -> None:
    heard = ("c", "さいとうとおるです。")
    proposal = read(NameExtractor(CallFacts("c"), shipped_playbook()), ASKED, heard)["customer_name"]
    assert proposal.confidence <= 0.5
    assert name(ASKED, heard, ("a", "復唱いたします。齋藤徹様でいらっしゃいますね")) == "齋藤徹"


def test_a_relative_the_agent_speaks_of_is_not_the_caller() -> None:
    assert name(ASKED, ("c", "言いたくない"), ("a", "お嬢様の田中花子様のことでございますね")) is None


def test_the_child_is_not_the_caller() -> None:
    turns = (
        ("c", "息子を通わせている東雲です。"),
        ("a", "お子様のお名前を伺えますか。"),
        ("c", "息子は東雲蒼空です。"),
    )
    assert name(*turns, ("a", "東雲蒼空様でございますね。")) == "東雲"


def test_the_callers_given_name_stands_beside_the_mothers() -> None:
    turns = (
        ("c", "くましろと申します。神様の神に時代の代で、神代です。"),
        ("a", "お名前をお聞かせください。"),
    )
    assert name(*turns, ("c", "母は神代ヨシ乃。私は娘の千鶴です。")) == "神代千鶴"


def test_a_name_with_a_dot_is_kept_whole() -> None:
    assert name(ASKED, ("c", "ウォン・リサです。")) == "ウォン・リサ"


def test_a_name_spelled_by_ear_is_the_one_that_both_sides_say() -> None:
    heard = ("c", "キムダ予告を申します。080の5210の7894。")
    assert name(ASKED, heard) is None
    assert name(ASKED, heard, ("a", "きむださま、ご住所をお願いいたします。")) == "木村"


def test_a_misheard_name_in_kanji_gives_way_to_the_sound_of_the_read_back() -> None:
    heard = ("c", "小岡田、92の101の1113")
    assert name(ASKED, heard, ("a", "こがさま、ご心配をおかけし申し訳ございません。")) == "古賀"


def test_a_name_said_in_kanji_keeps_its_spelling_when_the_agent_is_heard_in_kana() -> None:
    assert name(ASKED, ("c", "菊地春江です"), ("a", "きくちさま、ありがとうございます。")) == "菊地春江"


@pytest.mark.parametrize("called", ["ごまがひさまでございますね", "かぞおさま、お調べいたします"])
def test_kana_that_sound_like_no_name_are_none(called: str) -> None:
    assert name(ASKED, ("c", "はい"), ("a", called)) is None
