"""When it happened, as said or read back; resolved against the date of the call."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from koemori.assist.context import CallView
from koemori.assist.phrases import fold
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.restatement import restated
from koemori.assist.timewords import TimeWords, resolved, time_words
from koemori.assist.types import CallFacts, FieldProposal, Heard
from koemori.assist.words import words_of
from koemori.audio.call import ChannelRole

_WEEKDAY: Final = re.compile("([月火水木金土日])曜(?!日)")
_BEFOREHAND: Final = re.compile(
    r"^(?:に|は|、)?お?(?:届い|届け|買っ|買い上げ|購入|注文|頼ん|契約|申し込|予約|送っ|受け取|求め|もらっ|納品)[ぁ-ん]{0,7}?[たる](?=[一-龥ァ-ヴ])"
)
_A_NAME: Final = re.compile(r"^(?:って|と)書|^様|^さん|^と(?:申|い[いう])")
_A_RATE: Final = re.compile(
    r"^の(?:、)?[一-龥]{0,6}の?(?:限度|上限|うち|合計|平均|回数)|^(?:に)?[一二三四五六七八九十0-9]+回|^(?:あたり|限定|一回)"
)
"""「一日の限度額」 is no day."""
_BOUGHT: Final = re.compile(
    r"^(?:に|の)?(?:、)?[^。]{0,14}?(?P<act>入会|入居|入学|入院|申し?込|"
    r"購入|買っ|買い|契約|注文|予約|開封|開け|預け|借り|取り付け|設置|届い|受け取)"
)
_VAGUE: Final = re.compile("さっき|先ほど|先程|さきほど|この前|この間|こないだ|先日|以前|本日|今日")
_ASKS_WHEN: Final = re.compile(
    r"いつ|日にち|何時|何日|日付|(?<!生年月)(?<!誕生)(?:の|した|お)日(?:と|は|を|、)"
)
_ASKS_PURCHASE: Final = re.compile(
    "(?:お求め|ご?購入|お買い上げ|お買い求め).{0,12}(?:しょうか|ですか|ますか|ましたか|いただけ|くださ)"
)
_ACTS: Final = {
    "買っ": "購入", "買い": "購入", "申込": "申し込み", "申し込": "申し込み", "開け": "開封",
    "届い": "お届け", "預け": "お預け", "借り": "レンタル", "受け取": "受け取り",
}  # fmt: skip
_ASIDE: Final = 0.4
_TROUBLE: Final = 0.6
_ANSWERED: Final = 0.7
_READ_BACK: Final = 0.8


class WhenExtractor:
    """Reads `when`."""

    name = "when"

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        self._called_on = date.fromisoformat(facts.started_on) if facts.started_on else None
        self._trouble = playbook.case_words.trouble
        self._value = ""
        self._confidence = 0.0
        self._last = ""
        self._before = ""
        self._beside: dict[str, str] = {}
        self._ids: tuple[str, ...] = ()

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look for the time the matter is about."""
        agent = heard.speaker is ChannelRole.AGENT
        part = restated(heard.text) if agent else None
        if agent:
            found = [] if part is None else _useful(part)
            confidence = _READ_BACK
        else:
            found = _useful(heard.text)
            confidence = self._weigh(heard, call)
        if not found:
            return []
        text = part if agent and part else heard.text
        if self._value and self._is_of_purchase(found, text, heard, call):
            return self._beside_it(found, text, heard)
        best = self._best(found, text)
        more = confidence >= _TROUBLE and self._note_acts(found, text, best if not self._value else None)
        if confidence < self._confidence or (confidence == self._confidence and self._value):
            if not more or not self._value:
                return []
            self._ids = (*self._ids, heard.utterance_id)
            return [FieldProposal("when", self._with_acts(self._last), self._confidence, self._ids)]
        said = _WEEKDAY.sub(r"\1曜日", _whole_span(best, found))
        if self._confidence >= _TROUBLE and not _same(best.said, self._value):
            self._before = "" if _VAGUE.match(self._value) else self._value
        richer = said if said not in self._value else self._value
        self._ids = (
            (*self._ids, heard.utterance_id) if _same(best.said, self._value) else (heard.utterance_id,)
        )
        self._value, self._confidence = richer, confidence
        self._last = self._shown(best, richer)
        return [FieldProposal("when", self._with_acts(self._last), confidence, self._ids)]

    def _is_of_purchase(self, found: list[TimeWords], text: str, heard: Heard, call: CallView) -> bool:
        """「いつごろお求めですか」 and its answer tell when it was bought, not when the trouble was."""
        asked = next((item for item in call.before(heard) if item.speaker is ChannelRole.AGENT), None)
        about_purchase = asked is not None and bool(_ASKS_PURCHASE.search(asked.text))
        if heard.speaker is not ChannelRole.AGENT and about_purchase:
            return not any(pattern.search(fold(text).text) for pattern in self._trouble)
        ends = [*(words.start for words in found[1:]), len(text)]
        return all(
            _BOUGHT.match(text[words.end : end]) and not _same(words.said, self._value)
            for words, end in zip(found, ends, strict=True)
        )

    def _beside_it(self, found: list[TimeWords], text: str, heard: Heard) -> list[FieldProposal]:
        before = dict(self._beside)
        noted = self._note_acts(found, text, None)
        if not noted and found[0].is_past and not any(_same(found[0].said, said) for said in before.values()):
            self._beside.setdefault("購入", _WEEKDAY.sub(r"\1曜日", found[0].said))
        if self._beside == before:
            return []
        self._ids = (*self._ids, heard.utterance_id)
        return [FieldProposal("when", self._with_acts(self._last), self._confidence, self._ids)]

    def _note_acts(self, found: list[TimeWords], text: str, best: TimeWords | None) -> bool:
        """Note when a thing was bought, booked or opened, beside the time of the trouble."""
        ends = [*(words.start for words in found[1:]), len(text)]
        before = dict(self._beside)
        for words, end in zip(found, ends, strict=True):
            act = _BOUGHT.match(text[words.end : end])
            if act is not None and words.is_past and words != best:
                named = _ACTS.get(act.group("act"), act.group("act"))
                self._beside.setdefault(named, _WEEKDAY.sub(r"\1曜日", words.said))
        return self._beside != before

    def _with_acts(self, shown: str) -> str:
        """「昨日」 and 「九月二十六日に申し込み」 → 「昨日(申し込みは九月二十六日)」."""
        beside = [
            f"{act}は{said}"
            for act, said in self._beside.items()
            if not _same(said, shown) and said not in shown
        ]
        if self._before and self._before not in shown and not beside:
            beside = [self._before]
        return f"{shown}({'、'.join(beside[:2])})" if beside else shown

    def _best(self, found: list[TimeWords], text: str) -> TimeWords:
        """The time the trouble is told with; what came before it (「先週届いた本棚」) gives way."""
        ends = [*(words.start for words in found[1:]), len(text)]
        scores = []
        for words, end in zip(found, ends, strict=True):
            after = text[words.end : end]
            told = any(pattern.search(fold(after).text) for pattern in self._trouble)
            known = bool(self._value) and _same(words.said, self._value)
            earlier = bool(_BEFOREHAND.match(after)) or bool(_BOUGHT.match(after))
            scores.append(2 * known + told - 3 * earlier)
        return found[scores.index(max(scores))]

    def _weigh(self, heard: Heard, call: CallView) -> float:
        asked = next((item for item in call.before(heard) if item.speaker is ChannelRole.AGENT), None)
        if asked is not None and _ASKS_WHEN.search(asked.text):
            return _ANSWERED
        text = fold(heard.text).text
        if (
            any(pattern.search(text) for pattern in self._trouble)
            or len(call.recent(9, ChannelRole.CUSTOMER)) <= 2
        ):
            return _TROUBLE
        return _ASIDE

    def _shown(self, words: TimeWords, said: str) -> str:
        day = None if self._called_on is None else resolved(words, self._called_on)
        return said if day is None else f"{said} ({day})"


def _whole_span(words: TimeWords, found: list[TimeWords]) -> str:
    """「土曜から月曜」: both ends."""
    following = next((other for other in found if other.start == words.end), None)
    reaches = words.said.endswith("から") and following is not None
    return f"{words.said}{following.said}" if reaches and following else words.said


def _useful(text: str) -> list[TimeWords]:
    """Times that say when something happened or shall happen, the fullest first."""
    found = [
        words
        for words in time_words(text)
        if not words.is_deadline
        and words.folded not in ("夜", "朝", "昼", "以前")
        and not _A_NAME.match(text[words.end :])
        and not _A_RATE.match(text[words.end :])
        and not _within_word(words, text)
    ]
    return sorted(found, key=lambda words: words.start)


def _within_word(time: TimeWords, text: str) -> bool:
    """「きょうすけ」 is a name."""
    return time.said[:2] in ("きょ", "けさ", "きの", "あし", "あさ") and any(
        word.surface not in ("きょう", "きのう")
        and word.start <= time.start < word.end
        and word.end > time.end
        for word in words_of(text)
    )


def _same(said: str, known: str) -> bool:
    return bool(known) and (said in known or known in said or said[:2] == known[:2])
