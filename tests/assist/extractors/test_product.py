"""The product or service."""

from __future__ import annotations

import pytest
from koemori.assist.extractors.product import ProductExtractor
from koemori.assist.types import CallFacts

from tests.fakes.conversation import read, shipped_playbook

pytestmark = pytest.mark.unit


def product(*turns: tuple[str, str]) -> str | None:
    proposal = read(ProductExtractor(CallFacts("c"), shipped_playbook()), *turns).get("product")
    return None if proposal is None else proposal.value


def test_the_agents_fuller_name_of_the_same_thing_wins() -> None:
    script = [
        ("a", "お電話ありがとうございます。サポートの木村でございます。"),
        ("c", "書斎のルーターがつながらない"),
        ("a", "ご自宅で無線ルーターがつながらないということでございますね。"),
    ]
    assert product(*script) == "無線ルーター"


def test_what_was_bought_is_the_product() -> None:
    assert product(("c", "半年前に炊飯器を買った時の店員の態度なんだけどね。")) == "炊飯器"


def test_a_company_that_sells_a_contract_stands_for_it_until_a_product_is_named() -> None:
    greeting = ("a", "ガスセンターの久保でございます。")
    assert product(greeting, ("c", "引っ越すので住所変更をお願いしたいんですが。")) == "ガス契約"
    assert product(greeting, ("c", "ガスコンロが点かないんです")) == "ガスコンロ"


def test_a_part_is_named_with_what_it_belongs_to() -> None:
    assert product(("c", "プリンターのインクが届かない")) == "プリンターのインク"


def test_a_shop_is_no_product() -> None:
    assert product(("c", "ケーキ屋さんで聞いたんですけど")) is None


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("先週そちらで買った金継ぎキットなんですけど、中身が違うんです", "金継ぎキット"),
        ("竹馬を注文したのに届かないんです", "竹馬"),
    ],
)
def test_a_thing_no_list_knows_is_named_by_its_purchase(said: str, value: str) -> None:
    assert product(("c", said)) == value


def test_a_thing_in_passing_is_shown_with_what_the_firm_sells() -> None:
    greeting = ("a", "つむぎ生命お客様サービスセンターの白鳥が承ります。")
    assert product(greeting, ("c", "給付金の件なんですけど")) == "給付金(生命保険)"


def test_a_room_mate_of_the_complaint_does_not_replace_the_product() -> None:
    script = [
        ("c", "モバイルルーターの速度が遅い"),
        ("c", "うん"),
        ("c", "うん"),
        ("c", "ベッドで動画見てるの"),
    ]
    assert product(*script) == "モバイルルーター"


@pytest.mark.parametrize(
    ("greeting", "said", "value"),
    [
        ("ひなた不動産管理、お客様センターの芦名です。", "天井から水が垂れてきたんだ", "賃貸住宅"),
        ("あおば銀行の越智です。", "父の口座のことで", "父の口座(銀行口座)"),
        ("お客様窓口の樫尾です。", "子ども手当の書類、三回出したのに", "子ども手当"),
        ("お客様窓口の江草です。", "羽毛布団の丸洗いを頼んだんですけど", "羽毛布団の丸洗い"),
        ("病院、医療相談窓口の安居院です。", "そちらの皮膚科で二時間待たされて", "皮膚科の受診"),
    ],
)
def test_the_trade_the_matter_and_the_work_tell_what_was_sold(greeting: str, said: str, value: str) -> None:
    assert product(("a", greeting), ("c", said)) == value


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("そちらで買うた布団乾燥機なんですけどな", "布団乾燥機"),
        ("写真のデータが半分しか入ってないんです", "写真のデータ"),
        ("血圧のお薬をもらったんですけど", "血圧の薬"),
        ("サーバーを解約したいんですけど", "サーバー"),
    ],
)
def test_a_thing_is_named_with_its_parts_and_purpose(said: str, value: str) -> None:
    assert product(("a", "お客様窓口の多田です。"), ("c", said)) == value


def test_how_it_was_paid_and_an_animal_are_no_products() -> None:
    assert product(("c", "カードの明細を見たら二つ引き落とされてるんです")) is None
    assert product(("a", "いつお預かりしたワンちゃんでしょうか。")) is None


def test_the_trade_is_learnt_from_the_agent_where_the_greeting_did_not_tell() -> None:
    script = [
        ("a", "お客様相談室の柏木でございます。"),
        ("c", "先週受け取ったコートのボタンがないんだよ。"),
        ("a", "クリーニング料金のご返金で対応できるか確認いたします。"),
    ]
    assert product(*script) == "コート(クリーニング)"


def test_the_thing_got_wins_over_what_it_was_for() -> None:
    said = product(("a", "受付の笠松でございます。"), ("c", "七五三で着物を借りた者です。"))
    assert said is not None
    assert "着物" in said
