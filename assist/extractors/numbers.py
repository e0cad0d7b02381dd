"""Order, contract and customer numbers: 「契約番号はKの77120」 → `K-77120`."""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Final

from koemori.assist.context import CallView
from koemori.assist.corrections import DENIAL, corrected
from koemori.assist.numerals import DigitRun, digit_runs
from koemori.assist.phrases import fold
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.types import CallFacts, FieldProposal, Heard
from koemori.audio.call import ChannelRole

_LETTERS: Final = {
    "エー": "A", "エイ": "A", "ビー": "B", "シー": "C", "ディー": "D", "デー": "D", "イー": "E",
    "エフ": "F", "ジー": "G", "エイチ": "H", "エッチ": "H", "アイ": "I", "ジェー": "J", "ジェイ": "J",
    "ケー": "K", "ケイ": "K", "エル": "L", "エム": "M", "エヌ": "N", "オー": "O", "ピー": "P",
    "キュー": "Q", "アール": "R", "エス": "S", "ティー": "T", "テー": "T", "ユー": "U",
    "ブイ": "V", "ヴイ": "V",
    "ダブリュー": "W", "ダブル": "W", "エックス": "X", "ワイ": "Y", "ゼット": "Z", "ズィー": "Z",
}  # fmt: skip
_NAMES: Final = "|".join(sorted(_LETTERS, key=len, reverse=True))
_NAMED: Final = re.compile(rf"(?<![ァ-ヴー])(?:(?:{_NAMES})[、・\s]?)*(?:{_NAMES})(?![ァ-ヴー])")
_NAME: Final = re.compile(_NAMES)
_LETTER: Final = re.compile(
    r"(?:カタカナ|片仮名)の([ァ-ヴ])|(?:ひらがな|平仮名)の([ぁ-ん])|漢字の([一-龥])|([A-Za-z])"
)
_ONE: Final = (
    r"(?:(?:アルファベット|英語|英字|大文字|ローマ字|小文字)の、?)?"
    r"(?:(?:カタカナ|片仮名)の[ァ-ヴ](?![ァ-ヴー])|(?:ひらがな|平仮名)の[ぁ-ん]|漢字の[一-龥]|[A-Za-z])"
)
_JOIN: Final = (
    r"(?:の|-|−|ー|ハイフン|、|,|\s|に|と|で|続けて|それから"
    r"|えーっ?と|えっと|ええと|えー|あのー?|数字(?:の|で|は|が)?)"
)
_PREFIX: Final = re.compile(rf"({_ONE}(?:{_JOIN}{{0,2}}{_ONE}){{0,3}}){_JOIN}{{0,4}}$")
_SUFFIX: Final = re.compile(
    rf"^(?:の|-|ハイフン|、|\s){{0,2}}({_ONE})(?![A-Za-zァ-ヴー])(?=です|$|。|、|\s|だ|で|や|かな|よ|ね)"
)
_CALLED: Final = re.compile(
    r"(?:番号|ナンバー|[iI][dD]|コード)"
    r"|(?:注文|契約|予約|証券|会員証?|伝票|受付|診察券|お?客様|登録|申込|申し込み|顧客|見積書?|納品書|領収書|検針票|送り状)(?:は|が|の(?:ほう|方)?(?:は|が)?)"
)
_NOT_OURS: Final = re.compile(
    r"(?:電話|携帯|郵便|在留カード|マイナンバー|個人|暗証|(?<!会員)(?<!ポイント)カード|内線|型|部屋|車の|社員|職員|製品の型|品)(?:の)?番号|型番|品番|生年月日|郵便"
)
_OUT: Final = re.compile(
    r"(?:受付|受け付け|問い?合わせ|整理|控え|管理|案内|お伝え|私ども|こちら)(?:の)?(?:番号|ナンバー|ID)(?:は|が|を|、)"
)
_CONFIRMING: Final = re.compile(
    r"^.{0,40}?(?:ですね|でございますね|ですか|でしょうか|お間違い|よろしい|で承|確認でき|確認いた|確認が取|確認し|ありがとうございま|復唱|を拝見|をお調べ)"
)
_ASKED: Final = re.compile("(?:番号|ナンバー|コード|id)(?!.{0,12}(?:ございません|かねます))")
"""In folded text: 「申し訳ございません。ご注文番号を…」 asks, 「番号はお教えいたしかねます」 does not."""
_MENTIONED: Final = 0.8
_DIGITS_ALONE: Final = 0.6
"""Unconfirmed, and recognisers lose the letter before it."""
_READ_BACK: Final = 0.9
_CORRECTED: Final = 0.95
_LOST_ZERO: Final = re.compile(r"[789]0[0-9]{0,3}-?[0-9-]{0,5}-[0-9]{4}")
"""A phone number of which the recogniser dropped a zero."""
_UNITS: Final = re.compile(
    r"^(?:円|万|千|分|時|日|月|年|個|回|度|歳|才|人|名|階|号室|丁目|番地|%|パーセント|cm|センチ|キロ|km|kg|本|枚|台|つ|割|週|か月|ヶ月|営業日|泊|便|号車|番線|号線|リットル|グラム|件|点|着|足|箱|袋|食|杯|名様|坪|畳|ポイント)"
)
_LOST_LETTER: Final = re.compile(r"(?:^|[、。\s])の$")
"""「の6612です」: no word begins so; the recogniser dropped what stood before."""
_FEWEST_ALONE: Final = 4
_LAST_YEAR: Final = "2100"
"""「5521年は」 is no year, but 「5521、電話は」 misheard."""
_ALIKE: Final = 0.6
_FEWEST_SAID_AGAIN: Final = 4
_SPOKEN_YET: Final = 8
"""「はい」, 「ええ、どうぞ」: a number that goes on after so little is the same number."""


class NumberExtractor:
    """Reads `order_or_contract_number`."""

    name = "numbers"

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        self._value: str | None = None
        self._ids: tuple[str, ...] = ()
        self._newest = False
        """Whether the customer's last words held the number."""

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look for a number with letters, or one that was called a number."""
        text = _narrow(heard.text)
        if heard.speaker is ChannelRole.AGENT:
            return self._from_agent(heard, text, call)
        again = self._again(heard, text, call)
        if again is not None:
            return again
        values = _values(text, asked=False)
        if not values and _asked(heard, call):
            values = _values(text, asked=True)
            if len(set(values)) > 1:
                values = []  # Nothing tells which of them was asked for.
        self._newest = bool(values)
        if not values:
            return []
        denied = self._value is not None and DENIAL.search(fold(heard.text).text)
        lettered = any(sign.isalpha() for sign in values[-1])
        confidence = _CORRECTED if denied else _MENTIONED if lettered else _DIGITS_ALONE
        return self._take(values[-1], confidence, (heard.utterance_id,))

    def _from_agent(self, heard: Heard, text: str, call: CallView) -> list[FieldProposal]:
        for value, before, after in reversed(_found(text, asked=False)):
            if self._resembles(value):
                return self._take(value, _READ_BACK, (*self._ids, heard.utterance_id))
            if self._value is None and not _OUT.search(before[-20:]) and _CONFIRMING.match(after):
                return self._take(value, _READ_BACK, (heard.utterance_id,))
        bare = [run for run in digit_runs(text) if self._value is not None and self._resembles(run.digits)]
        if bare and self._value is not None and len(bare[-1].digits) > sum(map(str.isdigit, self._value)):
            return self._take(
                _named_like(self._value, bare[-1]), _READ_BACK, (*self._ids, heard.utterance_id)
            )
        return []

    def _again(self, heard: Heard, text: str, call: CallView) -> list[FieldProposal] | None:
        """The customer corrects the number, or goes on with it after a nod; None when neither."""
        if self._value is None:
            return None
        previous = next(iter(call.before(heard)), None)
        spoken_of = previous is not None and (
            self._newest
            or any(self._resembles(value) for value, _, _ in _found(_narrow(previous.text), True))
        )
        values = _values(text, asked=False)
        if spoken_of and not any(len(value) >= len(self._value) for value in values):
            fixed = corrected(self._value, text)
            if fixed is not None:
                return self._take(fixed, _CORRECTED, (*self._ids, heard.utterance_id))
        if self._newest and previous is not None and len(fold(previous.text).text) <= _SPOKEN_YET:
            runs = digit_runs(text)
            alone = len(runs) == 1 and runs[0].end - runs[0].start >= len(fold(text).text) - _SPOKEN_YET
            if alone and not runs[0].digits.startswith("0") and previous.speaker is ChannelRole.AGENT:
                longer = "-".join((self._value, *_grouped(runs[0])))
                return self._take(longer, _MENTIONED, (*self._ids, heard.utterance_id))
        return None

    def _take(self, value: str, confidence: float, ids: tuple[str, ...]) -> list[FieldProposal]:
        self._value, self._ids = value, tuple(dict.fromkeys(ids))
        return [FieldProposal("order_or_contract_number", value, confidence, self._ids)]

    def _resembles(self, value: str) -> bool:
        """Whether two numbers are one, misheard or said in part."""
        if self._value is None:
            return False
        known, other = _signs(self._value), _signs(value)
        if known in other or other in known:
            return min(len(known), len(other)) >= 3
        return SequenceMatcher(None, known, other, autojunk=False).ratio() >= _ALIKE


def _values(text: str, *, asked: bool) -> list[str]:
    return [value for value, _, _ in _found(text, asked)]


def _found(text: str, asked: bool) -> list[tuple[str, str, str]]:
    """Numbers with the words before and after them."""
    found: list[tuple[str, str, str]] = []
    end_before = 0
    after_phone = False
    whole: list[str] = []
    for said in digit_runs(text):
        run = _without_particle(said, text)
        before, after = text[end_before : run.start], text[run.end :]
        prefix = _PREFIX.search(before)
        suffix = _SUFFIX.match(after)
        letters = _letters(prefix.group(1)) if prefix is not None else ""
        if letters and (_UNITS.match(after) or letters.islower() or _in_a_word(before, prefix)):
            letters = ""
        ending = _letters(suffix.group(1)) if suffix is not None else ""
        joined = (
            bool(whole)
            and bool(letters)
            and prefix is not None
            and not before[: prefix.start()].strip("の-、 ")
        )
        if letters and joined and found:
            whole = [*whole, letters, *_grouped(run)]
            found[-1] = ("-".join(whole), found[-1][1], after)
        elif letters and len(run.digits) >= 2:
            whole = [letters, *_grouped(run), *([ending] if ending else [])]
            found.append(("-".join(whole), text[: run.start], after))
        elif found and DENIAL.search(before) and (fixed := corrected(found[-1][0], text[end_before:])):
            found[-1] = (fixed, found[-1][1], after)
        elif _plain_number(run, before, after, asked or (after_phone and not before)) or (
            ending and 3 <= len(run.digits) <= 8
        ):
            whole = [*_grouped(run), *([ending] if ending else [])]
            found.append(("-".join(whole), text[: run.start], after))
        else:
            whole = []
        end_before, after_phone = run.end, run.lacks_zero or _is_phone_long(run)
    return found


def _without_particle(run: DigitRun, text: str) -> DigitRun:
    """「ケーに、772015」: the particle is no two."""
    if text[run.start] != "に" or run.groups[0] != "2" or len(run.groups) < 2 or len(run.starts) < 2:
        return run
    return DigitRun(run.groups[1:], run.starts[1], run.end, run.starts[1:])


def _in_a_word(before: str, prefix: re.Match[str] | None) -> bool:
    """「Wi-Fi」 and 「プラザ」 end in letters that are none."""
    if prefix is None or prefix.start() == 0:
        return False
    last, first = before[prefix.start() - 1], before[prefix.start()]
    latin = last.isascii() and last.isalpha() and first.isascii()
    return latin or bool(re.match("[ァ-ヴー]{2}", last + first))


def _is_phone_long(run: DigitRun) -> bool:
    return run.digits.startswith("0") and len(run.digits) in (10, 11)


def _plain_number(run: DigitRun, before: str, after: str, asked: bool) -> bool:
    counted = _UNITS.match(after) and not (after.startswith("年") and _LAST_YEAR < run.digits < "9999")
    if not 3 <= len(run.digits) <= 16 or counted or _is_phone_long(run):
        return False
    if (run.lacks_zero or _LOST_ZERO.fullmatch("-".join(run.groups))) and not _CALLED.search(before[-18:]):
        return False
    tail = before[-18:]
    if _NOT_OURS.search(tail):
        return False
    if _CALLED.search(tail) or (_LOST_LETTER.search(before) and len(run.digits) >= _FEWEST_ALONE):
        return True
    return asked and len(run.digits) >= _FEWEST_ALONE and run.groups[0] not in ("070", "080", "090", "050")


def _asked(heard: Heard, call: CallView) -> bool:
    """Whether one of the agent's last two utterances asked for a number that is none of a phone."""
    questions = 0
    for other in call.before(heard):
        if other.speaker is ChannelRole.AGENT:
            question = _NOT_OURS.sub("", fold(other.text).text)
            if _ASKED.search(question):
                return True
            questions += 1
            if questions == 2 or "電話番号" in other.text:
                return False
    return False


def _grouped(run: DigitRun) -> tuple[str, ...]:
    """Digits said one by one are one number; a group begun and said again (「6の、えっと、60372」) is one."""
    if all(len(group) == 1 for group in run.groups):
        return (run.digits,)
    begun = [
        len(group) < _FEWEST_SAID_AGAIN <= len(following) and following.startswith(group)
        for group, following in pairwise(run.groups)
    ]
    return tuple(group for group, again in zip(run.groups, [*begun, False], strict=True) if not again)


def _letters(said: str) -> str:
    letters = ""
    for match in _LETTER.finditer(said):
        sign = next(part for part in match.groups() if part)
        letters += sign.upper()
    return letters


def _named_like(known: str, run: DigitRun) -> str:
    """The agent's fuller digits behind the customer's letters."""
    letters = re.match("[^0-9]*", known)
    return (letters.group() if letters else "") + "-".join(_grouped(run))


def _signs(value: str) -> str:
    return value.replace("-", "")


def _narrow(text: str) -> str:
    """The text with narrow signs and letters for their names: 「エイチの12」 → 「Hの12」."""
    narrow = unicodedata.normalize("NFKC", text)
    return _NAMED.sub(lambda said: _NAME.sub(lambda name: _LETTERS[name.group()], said.group()), narrow)
