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
    r"返金|送り|送付|郵送|発送|再送|配送|交換|届け|連絡|電話|折り返|伺|訪問|支払|払い|手配|報告|回答|返答|再発行|手続|用意|修理|お詫び|"
    r"差し上げ|お持ち|減額|取り消|返却|補償|調査|確認|対応|改善|参り|まいり|変更|予約|案内|提出|検討|メール|書面|共有"
)
_WEAK_ACT: Final = re.compile(
    r"調査|確認|対応|改善|変更|予約|案内|検討|報告|お詫び|用意|手続|共有|書面|電話(?=で)"
)
_COMMIT: Final = re.compile(
    r"(いたします|致します|します|させていただきます|申し上げます|差し上げます|さしあげます|伺います|参ります|まいります|お持ちします|払います|送ります|"
    r"届けます|返します|かけます|上がります|いたしますので|します(?:ので|から|、).*)(?:ね|よ|ので|から)?$"
)
_NOT: Final = re.compile(
    r"(かね|ません|できない|終了|切らせ|お控え|おやめ|少々お待ち|少しお待ち|続(く|き)|場合|失礼(いた|し)|お願い(いた|し)|復唱|代わ|替わ|繋ぎ|つなぎ|転送(?:いた|し)|断り|と思います|録音|以上の|いかが|よろしい|恐れ入|感謝)"
)
_SELF: Final = re.compile(
    r"(?:^|[、。\s])(?:お電話(?:を)?(?:代わり|替わり)ました[、。]?)?([^、。\s]{2,14})の([一-龥々ァ-ヴー]{1,6})(?:でございます|です|と申します)"
)
_NAME_ALONE: Final = re.compile(
    r"(?:^|[、。\s]|ます)([一-龥々]{1,4}|[ァ-ヴー]{2,6})(?:でございます|と申します)(?:[、。]|$|この|通話)"
)
_TITLES: Final = (
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
)
_SUBJECT: Final = re.compile(r"([一-龥々ァ-ヴー]{2,10})(?:が|から|より)(?!なる|ある)")
_SUBJECT_WORDS: Final = re.compile(
    r"(員|者|部|課|担当|部署|センター|係|店|業者|スタッフ|窓口|本社|責任者|上席|店長|技術)$"
)
_OPEN: Final = "未定"


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

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look for promises in the agent's words."""
        if heard.speaker is not ChannelRole.AGENT:
            return []
        self._note_speaker(heard.text)
        for clause in clauses_of(heard.text):
            promise = self._promise(clause.text, heard)
            if promise is not None:
                self._keep(promise)
        shown = "; ".join(promise.shown() for promise in self._promises)
        if not shown or shown == self._shown:
            return []
        self._shown = shown
        ids = tuple(dict.fromkeys(name for promise in self._promises for name in promise.utterance_ids))
        return [FieldProposal("promises", shown, 0.6, ids)]

    def _note_speaker(self, text: str) -> None:
        alone = _NAME_ALONE.search(text)
        if alone and _is_name(alone.group(1), text, alone.start(1)):
            self._who = f"担当の{alone.group(1)}"
        found = _SELF.search(text)
        if found and _is_name(found.group(2), text, found.start(2)):
            title = found.group(1) if found.group(1).endswith(_TITLES) else "担当"
            self._who = f"{title}の{found.group(2)}"

    def _promise(self, text: str, heard: Heard) -> _Promise | None:
        if _NOT.search(text) or not _COMMIT.search(text) or not _ACT.search(text):
            return None
        times = time_words(text)
        acts = _ACT.findall(text)
        if not times and _WEAK_ACT.fullmatch(acts[-1]):
            return None
        by = _deadline(times)
        what = text
        for words in reversed(times):
            what = what[: words.start] + re.sub(r"^(?:に|の|には)", "", what[words.end :])
        subject = _SUBJECT.search(what)
        who = self._who
        if subject and _SUBJECT_WORDS.search(subject.group(1)):
            who = subject.group(1)
        what = _shortened(what)
        if len(what) < 2:
            return None
        content = frozenset(
            word.lemma for word in words_of(what) if word.is_content and word.lemma not in _COMMON
        )
        return _Promise(what, by, who, (heard.utterance_id,), content)

    def _keep(self, promise: _Promise) -> None:
        for place, old in enumerate(self._promises):
            if old.content & promise.content:
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
_POLITE_END: Final = re.compile(
    r"(?:を|も)?(?:いたします|致します|します|させていただきます|申し上げます|差し上げます|さしあげます)(?:ね|よ|ので|から)?.*$"
)


def _is_name(name: str, text: str, start: int) -> bool:
    if re.fullmatch("[ァ-ヴー]+", name):
        return True
    return any(word.start == start and word.kind[2] == "人名" for word in words_of(text))


def _deadline(times: list[TimeWords]) -> str:
    for words in times:
        if words.is_deadline:
            return re.sub(r"に$", "", words.said)
    return re.sub(r"に$", "", times[0].said) if times else _OPEN


def _shortened(text: str) -> str:
    text = re.sub(r"^[のにでへは、\s]+", "", trimmed(text))
    text = re.sub(r"(?<=[一-龥])(?:の)?に(?=[一-龥]{2}(?:いた|し))", "", text)
    return _POLITE_END.sub("", text).strip("、。 ")
