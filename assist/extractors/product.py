"""The product or service the call is about, with the words that belong to it: 「無線ルーター」."""

from __future__ import annotations

import re
from typing import Final

from koemori.assist.context import CallView
from koemori.assist.phrases import fold
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.restatement import restated
from koemori.assist.types import CallFacts, FieldProposal, Heard
from koemori.assist.words import SpokenWord, words_of
from koemori.audio.call import ChannelRole

_GETTING: Final = "買|購入|注文|頼|申し込|契約|予約|届|借り|利用|通販|取り寄せ|預け|納品"
_BOUGHT: Final = re.compile(
    rf"^(?!で[^すし]|に)(?:を|は|が|も|の件|って)?.{{0,6}}(?:{_GETTING}|使(?!い方)|壊|動(?!画)|故障)"
)
_AGENT_NAMES: Final = re.compile(
    r"(?:お届け(?:いた)?し(?:まし)?た|お届けの|お届け予定の|ご注文の|ご注文いただいた|お買い上げの|お買い上げいただいた|ご購入の|ご購入いただいた|ご予約の|ご予約いただいた|ご契約の|ご利用の|ご使用の|お使いの|お申し込みの|お預かりした|お預かりの|お求めの|お受け取りの)$"
)
_CUSTOMER_NAMES: Final = re.compile(
    r"(?:買っ|購入し|注文し|頼ん|届い|契約し|申し込ん|予約し|もらっ|借り|使っ|使って(?:い)?|通っ|預け|取り寄せ|送ってもらっ|送られてき|作ってもらっ|やってもら)(?:た|だ|てる|ている)(?:ばかりの|はずの|ほうの)?$"
)
_AFTER_GETTING: Final = re.compile(
    rf"^(?!で[^すし]|に)(?:を|が|は|も|って)?(?:[^。、]{{0,10}})(?:{_GETTING})[ぁ-ん]{{0,3}}(?:た|だ|て|で|り|し)|^に(?:来て|入って)(?:もら|いただ)"
)
_OF_MATTER: Final = re.compile(
    r"^(?:を|の)?(?:解約|退会|返品|交換|キャンセル|返却)(?:し|を|の|に|で|、|$)"
    r"|^(?:の件|について|のこと(?:で|なん|です))"
    r"|^の(?:お?申し?込み?|申請|契約|予約|利用|手続|登録|書類|解約|退会|支払|受診|受講|購読|配送|配達|注文|修理|工事|点検|検査|請求|代金|料金|更新|期限|保証|定期)"
)
_WORKS: Final = (
    "丸洗い|クリーニング|洗濯|レンタル|修理|修繕|取り付け|取付|設置|点検|張り替え|張替え?|塗り替え|塗装|レッスン|教室|講座|講習|コース|配達|配送|運搬|回収"
    "|買取|買い取り|査定|加工|仕立て|直し|お直し|印刷|撮影|予防接種|健診|検診|診察|治療|手術|施術|トリミング|定期便|定期購入|定期利用|サブスク|工事|交換|移設|撤去|剪定|清掃"
)
_WORK: Final = re.compile(_WORKS)
_WORK_AFTER: Final = re.compile(
    rf"^の((?:[一-龥ァ-ヴー]{{1,4}})?(?:{_WORKS}))(?=を|の件|で|に|が|は|、|って)"
)
_TITLE: Final = re.compile(r"[『「]([^』」]{2,20})[』」](?:で|の|が|を|に|は|という|って|、)")
"""A game, book or plan by its own name."""
_DEPARTMENT: Final = re.compile(r"(?<![一-龥])(整形|[一-龥]{1,5}科)(?=で|の|に|を|へ|、|では)")
_NAME_ENDING: Final = re.compile("[ぁ-ん]{2,4}?(?=で(?:ござい|すね|よろし|いらっしゃ))")
"""The rest of 「特上にぎり」."""
_OCCASIONS: Final = frozenset(("引越し", "引っ越し", "工事", "修理", "清掃", "旅行", "振込"))
"""Why people call a firm that sells something else."""
_SPOKEN_OF: Final = """
    確認 記録 写し 封筒 事故 退会 入会 査定 督促 違約金 請求書 明細 通知 お知らせ 案内 電話 者
    方 人 件 対応 請求 連絡 担当 店員 話 説明 返事 商品 品物 物 もの こと 料金 代金 お金 金
    値段 場所 時間 住所 名前 番号 メール 家 部屋 自分 家族 日 時 前 後 今日 昨日 明日 店 会社
    こちら そちら 態度 内容 書類 分 方法 予定 状態 状況 問題 理由 原因 苦情 クレーム お客 客
    手続 手続き 箱 注文 予約 契約 購入 配達 配送 お届け 変更 キャンセル 解約 返品 交換 返金
    今回 最初 最後 全部 半分 以上 先 中 外 上 下 ところ とき ため 年 月 ネット
"""
_NO_PRODUCT: Final = frozenset(_SPOKEN_OF.split())
"""What calls speak of beside the thing itself."""
_NO_PART_OF: Final = (
    *("屋", "停", "会社", "側", "員", "会場", "代わり", "付き", "つき"),
    *("ちゃん", "さん", "様", "君", "くん"),
)
"""After these a word names a shop, a person or an animal."""
_MATTERS: Final = frozenset(
    (
        "トラブル",
        "故障",
        "事故",
        "代",
        "代金",
        "料金",
        "請求",
        "不良",
        "不具合",
        "自体",
        "一式",
        "問題",
        "以外",
        "全部",
    )
)
"""What happens to a thing and what it costs: no part of its name."""
_PAID_BY: Final = re.compile(
    r"(?:クレジット)?カード(?=の?(?:明細|引き落と|請求|払い|決済)|で(?:払|支払|決済))"
)
"""How it was paid, not what was bought."""
_IN_HAND: Final = frozenset(("写真", "荷物", "薬", "アプリ", "服", "制服", "本", "皿"))
"""Of the things of everyday life, those that a firm hands over."""
_HANDED: Final = re.compile("^を[^。、]{0,6}(?:もら|いただ|受け取)")
_FOR_SOMETHING: Final = frozenset(
    (
        "薬",
        "保険",
        "口座",
        "チケット",
        "切符",
        "教材",
        "写真",
        "荷物",
        "会員",
        "給付金",
        "授業",
        "講座",
        "契約",
    )
)
"""Things that mean little without the word before them."""
_PARTS: Final = frozenset(("データ", "部品", "カバー", "ケース", "充電器", "会員", "チケット"))
_SUBJECT: Final = re.compile(r"^(?:の[一-龥ァ-ヴー]{1,6})?(?:が|は|も|、)")
_TRADE: Final = re.compile(
    r"(?P<trade>クリーニング|車検|レンタル|宅配|引越|引っ越し|旅行|リフォーム|保険)(?:の)?(?:料金|代金|費用|契約|約款|規定|規約)"
)
_A_SERVICE: Final = re.compile("クリーニング|宅配|配送|引越|レンタ|旅行|宿泊|保険|診療|受診|介護|工事")
_REASON: Final = re.compile("^(?:に伴|の(?:前|後|ため|予定|都合|準備)|する(?:ので|から|ため|ことに))")
_MEDICAL: Final = ("診療", "受診", "健診", "検診")
_GREETING: Final = 0.35
_SERVICE: Final = 0.45
_MATTER: Final = 0.5
_MENTIONED, _MENTIONED_LATE = 0.55, 0.3
_EARLY_TURNS: Final = 3
_NAMED_SURELY: Final = 0.6
_BOUGHT_CONFIDENCE: Final = 0.7
_AGENT_NAMED: Final = 0.72
_READ_BACK: Final = 0.8


class ProductExtractor:
    """Reads `product`."""

    name = "product"

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        words = playbook.case_words
        choices = "|".join(re.escape(word) for word in sorted(words.products, key=len, reverse=True))
        self._products = re.compile(choices)
        self._services = words.services
        self._trouble = words.trouble
        self._passing = frozenset(words.products_in_passing)
        self._firm = ""
        self._shown = ""
        self._value = ""
        self._core = ""
        self._confidence = 0.0
        self._ids: tuple[str, ...] = ()

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look for a product; the agent's read-back and fuller names win."""
        agent = heard.speaker is ChannelRole.AGENT
        if agent and len(call.heard) <= 2:
            self._firm = self._service(_firm_name(heard.text))
            return self._propose(heard, self._firm, self._firm, _GREETING)
        early = len(call.recent(_EARLY_TURNS + 1, ChannelRole.CUSTOMER)) <= _EARLY_TURNS
        text = heard.text if not agent else restated(heard.text)
        if agent and not self._firm and self._value and (trade := _TRADE.search(heard.text)):
            return self._learn_trade(trade.group("trade"), heard)
        found = ("", "", 0.0) if text is None else self._product(text, agent, early)
        opened = self._open(heard.text, agent, early)
        if opened[2] > found[2] and opened[2] > self._confidence:
            found = self._joined(opened, found[1] or self._value)
        department = _DEPARTMENT.search(heard.text) if self._firm in _MEDICAL else None
        if department is not None and found[2] < _MENTIONED:
            found = (department.group(1), f"{department.group(1)}の{self._firm}", _MENTIONED)
        if not found[1] and text is not None and not self._firm and (agent or early):
            service = self._service(text)
            found = (service, service, _SERVICE if not early else _MENTIONED)
        return self._propose(heard, *found) if found[1] else self._fuller(heard)

    def _learn_trade(self, trade: str, heard: Heard) -> list[FieldProposal]:
        """「クリーニング料金の件は」: what the firm does, where the greeting did not tell."""
        self._firm = self._service(trade) or trade
        shown = self._with_firm(self._value, self._confidence)
        if shown == self._value:
            return []
        self._ids = (*self._ids, heard.utterance_id)
        return [FieldProposal("product", shown, self._confidence, self._ids)]

    def _product(self, text: str, agent: bool, early: bool) -> tuple[str, str, float]:
        words = words_of(text)
        best = ("", "", 0.0)
        for place, word in enumerate(words):
            folded = fold(word.surface).text
            match = self._products.fullmatch(folded) or (
                self._products.search(folded) if len(folded) > 2 and word.kind[0] == "名詞" else None
            )
            if match is None or (len(match.group()) < 2 and folded != match.group()):
                continue
            if word.kind[0] != "名詞" or _is_part_of_another(words, place):
                continue
            if match.group() in _OCCASIONS and _REASON.match(text[word.end :]):
                continue
            if (self._firm and match.group() in _OCCASIONS) or match.group() in _NO_PRODUCT:
                continue
            in_hand = (
                "引越" not in self._firm
                and match.group() in _IN_HAND
                and not agent
                and early
                and self._is_in_trouble(text, word)
            )
            if match.group() in self._passing and not in_hand and not _is_got(text, word):
                continue
            confidence = _READ_BACK if agent else _MENTIONED if early else _MENTIONED_LATE
            if not agent and early and _BOUGHT.match(text[word.end :]):
                confidence = _BOUGHT_CONFIDENCE
            if match.group() == self._core:
                confidence += 0.01
            if confidence > best[2]:
                name = _with_modifiers(text, words, place)
                part = self._part(text, words, place)
                whole = self._whole(words, place)
                work = "" if agent else _worked_on(text, word)
                name = (
                    f"{name}の{work}"
                    if work
                    else f"{whole}の{name}"
                    if whole
                    else f"{name}の{part}"
                    if part
                    else name
                )
                best = (match.group(), name, confidence)
        return best

    def _open(self, text: str, agent: bool, early: bool) -> tuple[str, str, float]:
        """A thing no list has, where the words say that it was bought, brought or booked."""
        if not agent and not early:
            return ("", "", 0.0)
        words = words_of(text)
        for place, word in enumerate(words):
            following = words[place + 1] if place + 1 < len(words) else None
            inside = following is not None and following.start == word.end and following.kind[0] == "名詞"
            if not _may_be_product(word) or inside:
                continue
            name = _with_modifiers(text, words, place)
            before, after = text[: word.end - len(name)], text[word.end :]
            if name in _NO_PRODUCT or len(name) < 2 or _is_part_of_another(words, place):
                continue
            if agent and _AGENT_NAMES.search(before) and "ございませんか" not in after:
                ending = _NAME_ENDING.match(after)
                name += ending.group() if ending else ""
                return (name, name, _AGENT_NAMED)
            whose = re.search(r"(?<=[ただるい])([一-龥ァ-ヴー]{1,6}の)$", before)
            if not agent and whose and _CUSTOMER_NAMES.search(before[: whose.start()]):
                return (name, whose.group(1) + name, _NAMED_SURELY)
            if not agent and (_CUSTOMER_NAMES.search(before) or _AFTER_GETTING.match(after)):
                work = re.search(r"([一-龥ァ-ヴー]{2,8})の$", before)
                fuller = f"{work.group()}{name}" if work and _WORK.fullmatch(name) else name
                return (name, fuller, _NAMED_SURELY)
            if not agent and _OF_MATTER.match(after):
                return (name, name, _MATTER)
        title = None if agent else _TITLE.search(text)
        return ("", "", 0.0) if title is None else (title.group(1), title.group(1), _MATTER)

    @staticmethod
    def _joined(opened: tuple[str, str, float], known: str) -> tuple[str, str, float]:
        """「特上にぎり(寿司)」: the thing's own name, and what sort of thing it is."""
        core, name, confidence = opened
        if not known or known in name or name in known:
            return (core, max(name, known, key=len), confidence)
        return (core, f"{name}({known})", confidence)

    def _is_in_trouble(self, text: str, word: SpokenWord) -> bool:
        """「写真のデータが半分しか入っていない」: what was handed over is what the trouble is with."""
        after = text[word.end :]
        return bool(_SUBJECT.match(after)) and any(
            pattern.search(fold(after).text) for pattern in self._trouble
        )

    def _part(self, text: str, words: tuple[SpokenWord, ...], place: int) -> str:
        """「プリンターのインク」: a product that belongs to the one before it."""
        if place + 2 >= len(words) or words[place + 1].surface != "の":
            return ""
        part = words[place + 2]
        known = self._products.fullmatch(fold(part.surface).text) or part.surface in _PARTS
        return part.surface if known else ""

    def _whole(self, words: tuple[SpokenWord, ...], place: int) -> str:
        """「結婚式の写真」, 「血圧のお薬」: what the thing belongs to or is for."""
        polite = place > 0 and words[place - 1].surface in ("お", "ご")
        before = place - 2 if polite else place - 1
        if before < 1 or words[before].surface != "の":
            return ""
        whole = words[before - 1]
        for_it = words[place].surface in _FOR_SOMETHING and _may_be_product(whole)
        return whole.surface if for_it or self._products.fullmatch(fold(whole.surface).text) else ""

    def _service(self, text: str) -> str:
        folded = fold(_PAID_BY.sub("", text)).text
        for word, contract in self._services.items():
            if re.search(rf"{re.escape(word)}(?!番号|会社の|し?に伴|すので|しの(?:前|後|予定|ため))", folded):
                return contract
        return ""

    def _fuller(self, heard: Heard) -> list[FieldProposal]:
        """The agent names the same thing more fully: 「無線ルーター」 for 「ルーター」."""
        if not self._core or heard.speaker is not ChannelRole.AGENT:
            return []
        core, value, _ = self._product(heard.text, True, True)
        if core == self._core and len(value) > len(self._value):
            return self._propose(heard, core, value, self._confidence)
        return []

    def _propose(self, heard: Heard, core: str, value: str, confidence: float) -> list[FieldProposal]:
        if not value:
            return []
        same = core == self._core and core != ""
        if same:
            if len(value) <= len(self._value):
                return []
            confidence = max(confidence, self._confidence)
        elif confidence <= self._confidence:
            return []
        self._ids = (*self._ids, heard.utterance_id) if same else (heard.utterance_id,)
        self._core, self._value, self._confidence = core, value, confidence
        return [FieldProposal("product", self._with_firm(value, confidence), confidence, self._ids)]

    def _with_firm(self, value: str, confidence: float) -> str:
        """「給付金(生命保険)」: a thing in passing means little without what the firm sells."""
        bought = confidence in (_NAMED_SURELY, _BOUGHT_CONFIDENCE, _AGENT_NAMED)
        if value in self._firm:
            return self._firm
        goods = bought and not _A_SERVICE.search(self._firm)
        if not self._firm or goods or self._firm[:2] in value or value.endswith(")"):
            return value
        return f"{value}({self._firm})"


def _worked_on(text: str, word: SpokenWord) -> str:
    """「布団の丸洗いを頼んだ」: what is done to the thing."""
    match = _WORK_AFTER.match(text[word.end :])
    return match.group(1) if match else ""


def _is_got(text: str, word: SpokenWord) -> bool:
    """「水が垂れてきた」 tells what happened; 「水を注文した」 and 「水の件」 tell what was sold."""
    before, after = text[: word.start], text[word.end :]
    return bool(
        _CUSTOMER_NAMES.search(before)
        or _HANDED.match(after)
        or _AFTER_GETTING.match(after)
        or _OF_MATTER.match(after)
    )


def _firm_name(greeting: str) -> str:
    """「早瀬引越センター、相談窓口」 of the greeting; all of it when no name follows."""
    match = re.search(r"([^。]{2,40})の[一-龥々ァ-ヴー]{1,6}(?:でござい|です|と申|が承)", greeting)
    return match.group(1) if match else greeting


def _may_be_product(word: SpokenWord) -> bool:
    if word.kind[0] != "名詞" or word.surface in _NO_PRODUCT:
        return False
    if word.kind[1] == "固有名詞":
        return word.kind[2] == "一般"
    return word.kind[1] == "普通名詞" and word.kind[2] in ("一般", "サ変可能", "形状詞可能")


def _is_part_of_another(words: tuple[SpokenWord, ...], place: int) -> bool:
    """「ケーキ屋」 and 「バス停」 are not products."""
    following = words[place + 1] if place + 1 < len(words) else None
    return following is not None and following.surface in _NO_PART_OF


def _with_modifiers(text: str, words: tuple[SpokenWord, ...], place: int) -> str:
    """The compound that the word is in, with its parts on both sides: 「布団乾燥機」, 「特上にぎり」."""
    start = place
    while start > 0:
        before = words[start - 1]
        joined = before.end == words[start].start
        if not joined or before.kind[0] not in ("名詞", "接頭辞") or before.kind[1] in ("数詞", "代名詞"):
            break
        if before.kind[2] in ("人名", "副詞可能") or before.surface in (
            "お",
            "ご",
            "件",
            "時",
            "様",
            "方",
            "的",
        ):
            break
        start -= 1
    return text[words[start].start : words[_last_part(words, place)].end]


def _last_part(words: tuple[SpokenWord, ...], place: int) -> int:
    while place + 1 < len(words):
        following = words[place + 1]
        part = following.kind[:2] == ("名詞", "普通名詞") and following.kind[2] in ("一般", "サ変可能")
        if following.start != words[place].end or not part:
            break
        if (
            following.surface in _MATTERS
            or following.surface in _NO_PRODUCT
            or _is_part_of_another(words, place)
        ):
            break
        place += 1
    return place
