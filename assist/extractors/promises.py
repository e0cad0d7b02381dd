"""What the agent promised: what, by when, who. A promise without a day says 未定, so that somebody asks."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from koemori.assist.clauses import clauses_of, trimmed
from koemori.assist.context import CallView
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.timewords import TimeWords, time_words
from koemori.assist.types import CallFacts, FieldProposal, Heard
from koemori.assist.words import words_of
from koemori.audio.call import ChannelRole

_ACT: Final = re.compile(
    r"返金|(?<!折り)返し|戻し|返事|ショートメール|メール|知らせ|相談|差し替|貼り替|補充|免除|探し|洗い直|付け(?!て)|引き落と|送り|送付|郵送|発送|再送|配送|交換|届け|連絡|電話|折り返|伺|訪問|支払|払い|手配|報告|回答|返答|再発行|手続|用意|修理|お詫び|"
    r"差し上げ|お渡し|お持ち|減額|負担|持ち|行かせ|開栓|閉栓|工事|点検|見積|引き取|回収|取り?替え|止め|決め|判断|弁償|値引|割引|入金|振り?込|清掃|張り?替え|取り付け|お知らせ|派遣|立ち会|施工|補修|塗り?直|作り直|再検査|再審査|取り消|返却|補償|調査|確認|対応|改善|参り|まいり|変更|予約|案内|提出|検討|メール|書面|共有"
)
_WEAK_ACT: Final = re.compile(
    r"相談|探し|止め|決め|判断|点検|見積|調査|確認|対応|改善|変更|予約|案内|検討|報告|お詫び|用意|手続|共有|書面|電話(?=で)"
)
_COMMIT: Final = re.compile(
    r"(いたします|致します|します|させていただきます|申し上げます|差し上げます|さしあげます|伺います|参ります|まいります|お持ちします|払います|送ります|"
    r"届けます|返します|かけます|上がります|持ちます|負担します|行かせます|向かわせます|行います|決めます|止めます|替えます|直します|引き取ります|戻します|入れます|出します"
    r"|知らせます|お?返事します|メールします|付けます|始めます|(?:お渡し|お届け|ご用意|お送り|ご?返金)できます|(?:返金|交換|補償|弁償)で大丈夫です|(?:返金|交換|補償|弁償|対応)になります|いたしますので|します(?:ので|から|、).*)(?:ね|よ|ので|から)?$"
)
_NOT: Final = re.compile(
    r"(かね|ません|できない|終了|切らせ|お切り|お控え|おやめ|少々お待ち|少しお待ち|(?<!手)続(く|き|け)|失礼(いた|し)|お願い(いた|し)|復唱|(?<!の)代わ(?!り(?:の|に))|(?<!取り)(?<!取)(?<!張り)替わ|繋ぎ|つなぎ|転送(?:いた|し)|断り|と思います|録音|以上の|いかが|よろしい|恐れ入|感謝|通報|警察)"
)
_ASKS: Final = re.compile(
    r"(?:ましたら|あれば|でしたら)、?(?:お?伺|お聞き|うかが|承り)|(?:を|ことなので|順に|いくつか|お話)、?(?:お?伺|お聞き|うかが)|(?:て|で)(?:まい|参)ります"
)
"""「お名前を伺います」 asks, 「確認してまいります」 is done at once: neither is a promise without a day."""
_SLIP: Final = re.compile(
    r"(?:[一-龥0-9]{1,4}日の)?[一-龥ァ-ヴー]{1,6}、(?:あ、?|いえ、?|いや、?)?(?:大変)?失礼(?:いた)?し(?:まし)?た、?|(?:^|(?<=。))失礼(?:いた)?しました、"
)
_SUMMARY: Final = re.compile(
    r"^(?:それでは、?|では、?)?(?:まとめ|整理|繰り返し)(?:いた|させて|申)?[ぁ-ん]{0,8}(?:ますと|まして|、)"
)
_BEYOND: Final = re.compile("治療費|慰謝料|全額|賠償|弁償|無料で|一生|いくらでも")
_CHECKED: Final = re.compile(
    "(?:記録|映像|履歴|控え|伝票)を(?:見|拝見|確かめ|調べ)(?:いたし)?ましたところ|確認(?:が取れ|いたしましたところ|しましたところ|できました|の結果|いたしました結果)|調査の結果|調べましたところ"
)
_BEYOND_RIGHTS: Final = "(権限外の約束)"
_SELF: Final = re.compile(
    r"(?:^|[、。\s])(?:お電話(?:を)?(?:代わり|替わり)ました[、。]?)?([^、。\s]{2,24})の([一-龥々ァ-ヴー]{1,6})(?:でございます|です|と申します|が承|がお受け|が対応|がご案内)"
)
_NAME_ALONE: Final = re.compile(
    r"(?:^|[、。\s]|ます)([一-龥々]{1,4}|[ァ-ヴー]{2,6})(?:でございます|と申します)(?:[、。]|$|この|通話)"
)
_TITLES: Final = (
    "事務長",
    "統括",
    "院長",
    "園長",
    "校長",
    "塾長",
    "会長",
    "工場長",
    "主査",
    "チーフ",
    "リーダー",
    "担任",
    "送迎",
    "部門",
    "店長",
    "課長",
    "部長",
    "主任",
    "係長",
    "責任者",
    "センター長",
    "支店長",
    "所長",
    "マネージャー",
    "室長",
    "担当",
    "上席",
    "副店長",
    "女将",
    *("長", "員", "師", "士", "係"),
)
_SUBJECT: Final = re.compile(
    r"((?:[一-龥々ァ-ヴー]{1,6}の)?[一-龥々ァ-ヴー]{1,10}(?:のほう|の方)?)(?:が|から|より)(?!なる|ある)"
)
_NAMED: Final = re.compile(
    r"(?:([一-龥々ァ-ヴー]{2,10})の|(?:私|わたくし)、?|^|[、。\sを])([一-龥々ァ-ヴー]{1,5})(?:が|から|より)"
)
_SUBJECT_WORDS: Final = re.compile(
    r"(員|者|部|課|担当|部署|センター|係|店|業者|スタッフ|窓口|本社|責任者|上席|店長|技術|部門|業者|工場|会社|本部|支社|支店|のほう|の方|職人|医師|作業班|運転手|配達員|工務店)$"
)
_BEHIND: Final = re.compile(
    "^(?:一?昨|おととい|きのう|ゆうべ|先[日週月]|先々|今朝|けさ|さっき|先ほど|去年|この前|以前)|(?<!午)前$"
)
_OPENING: Final = 2
_OPEN: Final = "未定"
_AFTER_WHAT: Final = re.compile(
    r"(?:^|、|も|は|が)(?P<when>[^、。はも]{2,20}?(?:次第|[たし]ところで|[たの]後(?=に|で|、)|(?:済み|終わり)ましたら))"
)
"""「控えの有無が分かった後に」, 「結果が出次第」: due after something, not by a day."""
_ONLY_TELLS: Final = re.compile("(?:お返事|ご?回答|ご?連絡|お知らせ|ご?報告|お電話)$")
_BARE_ACT: Final = frozenset(("発送", "発送する", "送る", "手配", "郵送", "送付", "届ける", "向かう", "伺う"))
_AIMED_AT: Final = re.compile(
    "^(?:目安|めど|目途|時期|期限|予定|お届け|発送|お日にち|日程)(?:と(?:して|しまして))?(?:は|の目安)"
)


@dataclass(frozen=True, slots=True)
class _Promise:
    what: str
    by: str
    who: str
    utterance_ids: tuple[str, ...]
    content: frozenset[str]

    def shown(self) -> str:
        return f"{self.what}(期限: {self.by}、担当: {self.who})"


class PromiseExtractor:
    """Reads `promises`."""

    name = "promises"

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        self._who = "担当者"
        self._promises: list[_Promise] = []
        self._shown = ""
        self._checked = False
        self._section = ""

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look for promises in the agent's words."""
        if heard.speaker is not ChannelRole.AGENT:
            return []
        self._note_speaker(heard.text, first=len(call.heard) <= _OPENING)
        self._checked |= bool(_CHECKED.search(heard.text))
        before = ""
        for clause in clauses_of(_SLIP.sub("", heard.text)):
            if _SUMMARY.search(clause.text) and self._promises:
                continue
            for part in _parts(clause.text):
                promise = self._promise(part, heard)
                if promise is not None:
                    self._keep(_with_matter(promise, before))
            self._date_last(clause.text)
            before = clause.text
        shown = "; ".join(promise.shown() for promise in self._promises)
        if not shown or shown == self._shown:
            return []
        self._shown = shown
        ids = tuple(dict.fromkeys(name for promise in self._promises for name in promise.utterance_ids))
        return [FieldProposal("promises", shown, 0.6, ids)]

    def _note_speaker(self, text: str, *, first: bool) -> None:
        alone = _NAME_ALONE.search(text)
        if alone and _is_name(alone.group(1), text, alone.start(1)):
            self._who = f"担当の{alone.group(1)}"
        found = _SELF.search(text)
        if (
            found
            and not found.group(2).endswith("様")
            and (first or found.group(1).endswith(_TITLES) or _is_name(found.group(2), text, found.start(2)))
        ):
            title = found.group(1) if found.group(1).endswith(_TITLES) else "担当"
            self._section = found.group(1) if re.search("[課部係室]$", found.group(1)) else self._section
            self._who = f"{title}の{found.group(2)}"

    def _promise(self, text: str, heard: Heard) -> _Promise | None:
        if _NOT.search(text) or not _COMMIT.search(text) or not _ACT.search(text):
            return None
        times = [words for words in time_words(text) if not _BEHIND.search(words.folded)]
        acts = _ACT.findall(text)
        if not times and (_WEAK_ACT.fullmatch(acts[-1]) or _ASKS.search(text) or "場合" in text):
            return None
        if _ASKS.search(text) and "を" in text and not _DATED_VISIT.search(text):
            return None
        by = _deadline(times)
        event = _AFTER_WHAT.search(text) if by == _OPEN else None
        by = event.group("when") if event else by
        what = text[: event.start("when")] + text[event.end("when") :].lstrip("にで、") if event else text
        for words in reversed(times):
            what = what[: words.start] + re.sub(r"^(?:には|に|の)", "", what[words.end :])
        who, what = self._doer(what)
        what = _shortened(what)
        if len(what) < 2:
            return None
        if (
            by == _OPEN
            and _BEYOND.search(what)
            and not _ONLY_TELLS.search(what)
            and not self._checked
            and who.startswith("担当")
        ):
            what += _BEYOND_RIGHTS
        content = frozenset(
            word.lemma for word in words_of(what) if word.is_content and word.lemma not in _COMMON
        )
        return _Promise(what, by, who, (heard.utterance_id,), content)

    def _doer(self, text: str) -> tuple[str, str]:
        """Who will do it, and the words without them."""
        for match in _NAMED.finditer(text):
            title, name = match.group(1) or "", match.group(2)
            certain = match.group().startswith(("私", "わたくし")) or title.endswith(_TITLES)
            if certain or _is_name(name, text, match.start(2)):
                known = title.endswith(_TITLES) or title.endswith(("部門", "課", "部"))
                who = f"{title}の{name}" if known else f"担当の{name}" if name not in self._who else self._who
                return who, text[: match.start()] + text[match.end() :]
        for subject in _SUBJECT.finditer(text):
            if _SUBJECT_WORDS.search(subject.group(1)):
                bare = len(subject.group(1)) == 1 and self._section
                return self._section if bare else subject.group(1), text
        return self._who, text

    def _date_last(self, text: str) -> None:
        """「還付のお知らせを郵送いたします。目安は翌月の末でございます」: by when, said after what."""
        if not self._promises or time_words(self._promises[-1].by) or not _AIMED_AT.search(text):
            return
        times = time_words(text)
        if times:
            self._promises[-1] = replace(self._promises[-1], by=times[-1].said)

    def _keep(self, promise: _Promise) -> None:
        last = self._promises[-1] if self._promises else None
        if last and last.by == _OPEN and promise.by != _OPEN and promise.content <= _BARE_ACT:
            ids = (*last.utterance_ids, *promise.utterance_ids)
            self._promises[-1] = replace(last, by=promise.by, utterance_ids=ids)
            return
        for place, old in enumerate(self._promises):
            bare = not promise.content - _BY_WHAT - _people(promise.what)
            again = bare and (promise.by == _OPEN or promise.by == old.by)
            if again or _same(old.content, promise.content):
                fuller = promise if len(promise.what) > len(old.what) else old
                self._promises[place] = replace(
                    fuller,
                    by=old.by if promise.by == _OPEN or promise.by in old.by else promise.by,
                    who=promise.who if old.who == "担当者" else old.who,
                    utterance_ids=(*old.utterance_ids, *promise.utterance_ids),
                )
                return
        self._promises.append(promise)


_COMMON: Final = frozenset(("為る", "致す", "申し上げる", "頂く", "御", "事", "の", "差し上げる"))
_BY_WHAT: Final = frozenset(
    (
        "必ず",
        "電話",
        "連絡",
        "回答",
        "御",
        "送る",
        "私",
        "カード",
        "メール",
        "結果",
        "手続き",
        "全額",
        "為る",
        "送付",
    )
)
_DATED_VISIT: Final = re.compile("(?:に|へ)(?:伺|うかが)")
_POLITE_END: Final = re.compile(
    r"(?:を|も)?(?:いたします|致します|します|させていただきます|申し上げます|差し上げます|さしあげます)(?:ね|よ|ので|から)?.*$"
)


_AS_WRITTEN: Final = (
    (re.compile("(?<=[がは、])(?:お?伺い(?:いたし|し)?ます|参ります|まいります)$"), "訪問"),
    (re.compile("に?(?:お?伺い(?:いたし|し)?ます|参ります|まいります)$"), "に訪問"),
    (re.compile("(?<!お見)お送り(?=(?:いた|し|させ))"), "送付"),
    (re.compile("お持ち(?=(?:いた|し|させ))"), "持参"),
)
"""What is said politely, in the word of a form."""


def _with_matter(promise: _Promise, before: str) -> _Promise:
    """「費用を負担できるかは轟が判断いたします。お電話でご回答します」: the sentence before says of what."""
    if promise.content - _BY_WHAT or not _ACT.search(before):
        return promise
    return replace(promise, what=f"{trimmed(before)}、{promise.what}")


def _parts(text: str) -> list[str]:
    """「六日の午前中に…開栓し、八日の夕方に…閉栓いたします」 promises twice: each with a day of its own."""
    parts = re.split(r"(?<=[しいりきちみべめれげけせ])、", text)
    if len(parts) < 2 or not all(time_words(part) and _ACT.search(part) for part in parts):
        return [text]
    return [*(f"{part}ます" for part in parts[:-1]), parts[-1]]


def _same(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two promises are of one thing; that both are made by telephone says little."""
    shared = (one & other) - _BY_WHAT
    return bool(shared) and len(shared) * 2 >= min(len(one - _BY_WHAT), len(other - _BY_WHAT))


def _people(text: str) -> frozenset[str]:
    return frozenset(word.lemma for word in words_of(text) if word.kind[1] == "固有名詞")


def _is_name(name: str, text: str, start: int) -> bool:
    if re.fullmatch("[ァ-ヴー]+", name):
        return True
    return any(
        word.start == start and word.kind[2] in ("人名", "地名") and len(name) <= len(word.surface) + 1
        for word in words_of(text)
    )


def _deadline(times: list[TimeWords]) -> str:
    for words in times:
        if words.is_deadline:
            return re.sub(r"に$", "", words.said)
    return re.sub(r"に$", "", times[0].said) if times else _OPEN


def _shortened(text: str) -> str:
    text = re.sub(r"^[のにでへは、\s]+", "", trimmed(text))
    text = re.sub(r"(?<=[一-龥])(?<![長課部者員様店校社])(?:の)?に(?=[一-龥]{2}(?:いた|し))", "", text)
    text = re.sub(r"(?<=を)、", "", re.sub(r"、{2,}", "、", _WE.sub("", text)))
    for spoken, written in _AS_WRITTEN:
        text = spoken.sub(written, text)
    return _POLITE_END.sub("", text).strip("、。 ")


_WE: Final = re.compile(
    r"^(?:また|なお|では|それでは|あわせて|はい|まず|次に|そのうえで|このあと)、|(?<![一-龥])(?:私|わたくし|私ども|当方|弊社|課|係)(?:から|が|で|より)、?"
)
