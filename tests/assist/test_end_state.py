"""How the matter stands, from words."""

from __future__ import annotations

import pytest
from koemori.assist.end_state import EndStateJudge
from koemori.assist.types import EndState

from tests.fakes.conversation import Conversation, shipped_playbook

pytestmark = pytest.mark.unit

COMPLAINT = (
    ("c", "ルーターが壊れて困ってるんです。"),
    ("a", "ご不便をおかけし申し訳ございません。"),
)


def state(*turns: tuple[str, str], complaint: bool = True) -> EndState:
    conversation, judge = Conversation(), EndStateJudge(shipped_playbook())
    for speaker, text in (*(COMPLAINT if complaint else ()), *turns):
        judge.observe(conversation.a(text) if speaker == "a" else conversation.c(text))
    return judge.final_state


@pytest.mark.parametrize(
    "said",
    [
        "納得しました。ありがとうございます。",
        "分かりました。それで結構です。",
        "まあ、返金と手紙でいいよ。納得した。",
        "はい了解です 交換品を待ってます",
        "そういうことなら理解できました",
        "明日ですね。それなら助かります。",
        "分かりました。",
    ],
)
def test_agreement_resolves(said: str) -> None:
    assert state(("c", said)) is EndState.RESOLVED_AGREED


@pytest.mark.parametrize(
    "said",
    [
        "分かりましたじゃないんですよ。全然分かってないでしょう。",
        "納得しましたとでも言うと思いますか",
        "分かりました。だからどうしてくれるんですかって聞いてるんです",
        "まだ納得したわけじゃないからね。",
        "納得できないので書面で回答をください",
        "代金を返していただければそれで結構です",
    ],
)
def test_denied_or_conditional_agreement_does_not_resolve(said: str) -> None:
    assert state(("c", said)) is EndState.UNRESOLVED_PENDING


@pytest.mark.parametrize(
    "said",
    [
        "もう結構です。取り下げます。",
        "やっぱり大丈夫です。すみません、自分の勘違いでした。",
        "返品の申し出はキャンセルでお願いします",
        "あ、あったわ。玄関の棚に置いてあるて。すまんすまん、取り消してくれ。",
    ],
)
def test_withdrawal_is_withdrawn(said: str) -> None:
    assert state(("c", said), ("c", "それでええわ。")) is EndState.WITHDRAWN


def test_a_demand_to_cancel_a_contract_is_no_withdrawal() -> None:
    assert state(("c", "こんな契約は今すぐ取り消してくれ")) is EndState.UNRESOLVED_PENDING


@pytest.mark.parametrize(
    "said",
    [
        "話にならないのでもう切ります",
        "平行線ですね。これ以上話しても無駄なので失礼します。",
        "まあいいよ、書面見てからだ。納得はしてないよ。",
        "はいはい分かりました もういいです どうせ何もしてくれないんでしょ",
    ],
)
def test_an_end_without_conviction_is_unresolved_agreed(said: str) -> None:
    assert state(("c", said)) is EndState.UNRESOLVED_AGREED


@pytest.mark.parametrize(
    "said",
    [
        "再三お願いいたしましたが暴言が続いておりますので、お電話を終了させていただきます。",
        "三十分を超えましたので、申し訳ございませんがこれで終了させていただきます。",
        "これ以上お話しいたしましても回答は変わりませんので失礼させていただきます",
    ],
)
def test_an_end_put_by_the_agent_stands_whatever_follows(said: str) -> None:
    assert state(("a", said), ("c", "はあ?分かりましたよ")) is EndState.UNRESOLVED_TERMINATED


@pytest.mark.parametrize(
    "said",
    [
        "続く場合はお電話を終了いたします。",
        "お電話ありがとうございました。失礼いたします。",
        "お手続きが終了いたしました。",
    ],
)
def test_a_warning_or_a_friendly_goodbye_is_no_termination(said: str) -> None:
    assert state(("a", said)) is EndState.UNRESOLVED_PENDING


def test_waiting_for_an_answer_is_pending() -> None:
    assert (
        state(("a", "また連絡します。"), ("c", "分かりました、お待ちしてます。"))
        is EndState.UNRESOLVED_PENDING
    )


def test_a_nod_in_mid_call_does_not_last() -> None:
    script = [("c", "分かりました。"), ("c", "それで、いつになったら直してもらえるんでしょうか。")]
    assert state(*script) is EndState.UNRESOLVED_PENDING


def test_a_short_goodbye_does_not_take_a_nod_back() -> None:
    assert state(("c", "分かりました。"), ("c", "はい、では。")) is EndState.RESOLVED_AGREED


def test_a_call_without_dissatisfaction_is_no_complaint() -> None:
    script = [("c", "住所変更をお願いします。"), ("c", "分かりました。ありがとうございました。")]
    assert state(*script, complaint=False) is EndState.NOT_COMPLAINT


def test_trouble_alone_is_no_complaint_yet() -> None:
    assert (
        state(("c", "電源が入らないんですが、どうすればいいですか"), complaint=False)
        is EndState.NOT_COMPLAINT
    )


def test_nothing_is_open_once_the_call_is_over_but_before_it_may_be() -> None:
    conversation, judge = Conversation(), EndStateJudge(shipped_playbook())
    judge.observe(conversation.c("ルーターが壊れて困ってるんです。"))
    assert judge.state is EndState.OPEN
    assert judge.final_state is EndState.UNRESOLVED_PENDING


@pytest.mark.parametrize(
    "said",
    [
        "これにて終了させていただきます。",
        "それでは、こちらで切らせていただきます。",
        "続くようでしたら終了すると申し上げました。お電話を終了いたします。",
        "これ以上のご案内はございませんので、通話を終わらせていただきます。",
        "お話はここまでとさせていただきます。失礼いたします。",
        "申し訳ございませんが、お電話をお切りします。",
    ],
)
def test_the_agents_end_is_heard_in_other_words(said: str) -> None:
    assert state(("a", said), ("c", "おい、待てよ。")) is EndState.UNRESOLVED_TERMINATED


@pytest.mark.parametrize(
    "said",
    [
        "次に同じお言葉があれば、お電話を終了いたします。",
        "おやめいただけなければ、通話を終了させていただきます。",
        "場合によってはお電話を終了することもございます。",
    ],
)
def test_an_announced_end_is_none_yet(said: str) -> None:
    assert state(("a", said), ("c", "ふん。")) is EndState.UNRESOLVED_PENDING


def test_an_agent_who_goes_on_serving_has_not_ended_the_call() -> None:
    script = [
        ("a", "お電話を終了いたします。"),
        ("c", "待って、悪かったよ。ちゃんと話すから。"),
        ("a", "承知いたしました。それでは、改めてご注文の内容を確認させていただきます。"),
        ("a", "確認が取れました。明日の午前中に代わりの品をお届けできますが、いかがでしょうか。"),
        ("a", "それでは、明日の午前中にお届けするよう、店舗から手配をいたします。"),
        ("c", "分かった、それでいいよ。納得した。"),
    ]
    assert state(*script) is EndState.RESOLVED_AGREED


@pytest.mark.parametrize(
    "said",
    [
        "そこまでしてくれるなら文句はないよ。",
        "ほな、それで頼むわ。おおきに。",
        "ちゃんと調べてもらえたので、もう結構です。すっきりしました。",
        "直していただけるなら、それでいいです。",
    ],
)
def test_agreement_is_heard_in_other_words(said: str) -> None:
    assert state(("c", said)) is EndState.RESOLVED_AGREED


@pytest.mark.parametrize(
    "said",
    [
        "ええ、なかったことにしてください。",
        "ごめんなさい、うちの者が受け取っていました。調べなくていいです。",
        "あれ、こっちが間違ってました。お騒がせしました。",
        "申し出は引っ込めます。",
    ],
)
def test_withdrawal_is_heard_in_other_words(said: str) -> None:
    assert state(("c", said)) is EndState.WITHDRAWN


@pytest.mark.parametrize(
    "said",
    [
        "納得はせんぞ。まあ、金は返しときなさい。もういい。",
        "納得はしてませんけど、今日はもういいです。",
        "もういいです。二度と使いません。",
        "すっきりしませんが、分かりました。",
        "納得いかへんけど、しゃあないからもうええわ。",
    ],
)
def test_giving_in_unconvinced_is_heard_in_other_words(said: str) -> None:
    assert state(("c", said)) is EndState.UNRESOLVED_AGREED


def test_a_nod_to_an_agent_who_owes_an_answer_is_pending() -> None:
    script = [("a", "確認して、木曜日までに結果をお電話いたします。"), ("c", "はい、分かりました。")]
    assert state(*script) is EndState.UNRESOLVED_PENDING


def test_a_new_grievance_takes_agreement_back() -> None:
    script = [("c", "それで結構です。"), ("c", "いや、やっぱりおかしいでしょう。返金してください。")]
    assert state(*script) is EndState.UNRESOLVED_PENDING


def test_being_sorry_for_a_wait_makes_no_complaint_of_a_question() -> None:
    script = [
        ("c", "会員証の住所を変えたいんですが、手続きが分からなくて。"),
        ("a", "お待たせして申し訳ございません。店頭でもお電話でも承れます。"),
        ("c", "分かりました。ありがとうございました。"),
    ]
    assert state(*script, complaint=False) is EndState.NOT_COMPLAINT


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("納得はできないです。できないですけど、返金の件は、お願いします。", EndState.UNRESOLVED_AGREED),
        ("納得はしてねえからな。まあ、三時の業者は入れてやるよ。", EndState.UNRESOLVED_AGREED),
        ("納得したわけじゃないですから、お返事を待ちます。", EndState.UNRESOLVED_PENDING),
        ("ああ、それで納得や。ほな頼んますわ。", EndState.RESOLVED_AGREED),
        ("調べて電話くれるんやったら、それでええわ。", EndState.RESOLVED_AGREED),
    ],
)
def test_a_concession_ends_it_and_waiting_leaves_it_open(said: str, expected: EndState) -> None:
    assert state(("c", said)) is expected


def test_an_offer_taken_settles_it_unless_an_answer_is_owed() -> None:
    offer = ("a", "本日五時にお届けします。それでよろしいでしょうか。")
    owed = ("a", "確認のうえ、折り返しご連絡いたします。それでよろしいでしょうか。")
    assert state(offer, ("c", "はい、お願いします。")) is EndState.RESOLVED_AGREED
    assert state(owed, ("c", "はい、お願いします。")) is EndState.UNRESOLVED_PENDING


def test_all_is_well_after_an_agreement_withdraws_nothing() -> None:
    turns = (("c", "それなら安心です。"), ("c", "もう大丈夫です。"))
    assert state(*turns) is EndState.RESOLVED_AGREED
    assert state(("c", "母は、もう行かないって泣くんです。")) is EndState.UNRESOLVED_PENDING
