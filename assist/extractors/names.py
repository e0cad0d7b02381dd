"""The customer's name: said of oneself, given when asked, read back by the agent, corrected.

A name that is followed by 「さん」, or said about somebody else, is not the caller's. What the agent
reads back (「小野寺様」) outweighs what was heard from the customer, but a given name stays.
"""

from __future__ import annotations

import re
from typing import Final

from koemori.assist.context import CallView
from koemori.assist.phrases import fold
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.types import CallFacts, FieldProposal, Heard
from koemori.assist.words import SpokenWord, words_of
from koemori.audio.call import ChannelRole

_KANJI: Final = r"一-龥々ヶ"
_INTRODUCED: Final = re.compile(
    rf"(?:^|[、。\s]|は|の|けど|えーと|えっと|はい|私)([{_KANJI}ァ-ヴー]{{2,9}}|[ぁ-ん]{{3,9}})(?:と申し|と言います|といいます|と?いう(?:者|もん)|言う(?:者|もん)|言います)"
)
_ANSWERED: Final = re.compile(
    r"^(?:はい|あ|えー?と|えっと|ええと|あの|名前は|私は|、|。|\s)*"
    rf"([{_KANJI}]{{2,6}}|[ァ-ヴー・]{{2,12}})(?:です|だ|でございます|と|$|。|、|\s|[0-9])"
)
_CALLED: Final = re.compile(rf"([{_KANJI}ァ-ヴー]{{1,9}})様")
_NOT_NAMES: Final = (
    *"客皆子母父嬢奥娘息何神殿王妻夫兄姉弟妹姑方先孫連",
    "本人", "家族", "主人", "祖母", "祖父", "両親", "社長", "相手", "団体", "法人",
)  # fmt: skip
_ASKED: Final = re.compile("(お?名前|ご?氏名|どちら様|どなた様)")
_AFTER_NAME: Final = re.compile(
    r"^(?:$|です|だ|よ|って(?:言|い[うい])|で(?:ございます|す)|と(?:申|言い|いい|いう)|いう(?:者|もん)|[。、，,.\s]|っす|や"
    r"|[0-9０-９〇零一二三四五六七八九]|[A-Za-zＡ-Ｚａ-ｚ]の)"
)
_CORRECTION: Final = re.compile("じゃなく|ではなく|じゃない|違(い|って|う)|間違")
_GIVEN: Final = re.compile(
    rf"(?:下の名前|名)は、?([{_KANJI}]{{1,3}}|[ぁ-んァ-ヴー]{{2,5}})(?:です|と|だ|$|。)"
)
_HONORIFICS: Final = ("さん", "様", "さま", "くん", "君", "ちゃん", "氏", "先生")
_MENTIONED: Final = 0.6
_SAID: Final = 0.8
_READ_BACK: Final = 0.9
_CORRECTED: Final = 0.95


class NameExtractor:
    """Reads `customer_name`."""

    name = "names"

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        self._surnames = frozenset(playbook.case_words.surnames)
        self._surname: str | None = None
        self._given: str = ""
        self._ids: tuple[str, ...] = ()
        self._confidence = 0.0

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look for the caller's own name."""
        if heard.speaker is ChannelRole.AGENT:
            return self._read_back(heard)
        return self._said(heard, call)

    def _said(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        asked = _asked(heard, call)
        given = _GIVEN.search(heard.text)
        if given and self._surname is not None and not self._given:
            return self._take(heard, self._surname, given.group(1), self._confidence)
        found = _from_words(heard.text, asked, self._surnames) or _from_patterns(heard.text, asked)
        if found is None:
            return []
        surname, given_name, introduced = found
        corrected = self._surname is not None and _CORRECTION.search(fold(heard.text).text)
        confidence = _SAID if asked or introduced else _MENTIONED
        return self._take(heard, surname, given_name, _CORRECTED if corrected else confidence)

    def _read_back(self, heard: Heard) -> list[FieldProposal]:
        for surname, given in _called(heard.text):
            known = (self._surname or "") + self._given
            if known.startswith(surname + given):
                return self._take(heard, self._surname or surname, self._given, _READ_BACK)
            return self._take(heard, surname, given or self._given, _READ_BACK)
        return []

    def _take(self, heard: Heard, surname: str, given: str, confidence: float) -> list[FieldProposal]:
        if confidence < self._confidence:
            return []
        same = self._surname is not None and (surname == self._surname or given == self._given != "")
        self._ids = (*self._ids, heard.utterance_id) if same else (heard.utterance_id,)
        self._surname, self._given, self._confidence = surname, given, confidence
        return [FieldProposal("customer_name", surname + given, confidence, self._ids)]


def _asked(heard: Heard, call: CallView) -> bool:
    questions = 0
    for other in call.before(heard):
        if other.speaker is ChannelRole.AGENT:
            if _ASKED.search(other.text):
                return True
            questions += 1
            if questions == 2:
                return False
    return False


def _from_words(text: str, asked: bool, surnames: frozenset[str]) -> tuple[str, str, bool] | None:
    """A family name (and given name) that the dictionary knows, where a person says their own."""
    words = words_of(text)
    best: tuple[str, str, bool] | None = None
    for place, word in enumerate(words):
        unsure = asked and (word.surface in surnames or word.is_place)
        if not (word.is_surname or unsure) or not _stands_alone(text, words, place):
            continue
        following = words[place + 1] if place + 1 < len(words) else None
        given = ""
        end = word.end
        if following is not None and _may_be_given(following, word):
            given, end = following.surface, following.end
        rest = text[end:]
        if rest.startswith(_HONORIFICS) or not _AFTER_NAME.match(rest):
            continue
        introduced = bool(re.match(r"です|だ|でございます|と申|と言い|といい|って(言|い[うい])", rest))
        if introduced or asked or _number_follows(rest) or (given and place == 0):
            best = (word.surface, given, introduced)
    return best


def _may_be_given(following: SpokenWord, surname: SpokenWord) -> bool:
    if following.start - surname.end > 1:
        return False
    if following.kind[2] == "人名":
        return True
    short_noun = following.kind[0] == "名詞" and following.kind[1] in ("普通名詞", "固有名詞")
    return short_noun and bool(re.fullmatch(rf"[{_KANJI}]{{1,3}}", following.surface))


def _stands_alone(text: str, words: tuple[SpokenWord, ...], place: int) -> bool:
    if place == 0:
        return True
    before = words[place - 1]
    if text[before.end : words[place].start].strip():
        return True
    if before.kind[0] in ("感動詞", "フィラー") or before.surface in (
        "は",
        "けど",
        "が",
        "あの",
        "ので",
        "で",
        "て",
    ):
        return True
    return before.kind[0] in ("助動詞",) or before.kind[1] == "終助詞"


def _number_follows(rest: str) -> bool:
    return bool(re.match(r"[。、\s]*(?:です[。、]?)?(?:電話|番号|契約|注文|[A-ZＡ-Ｚ]の|[0-9０-９〇])", rest))


def _from_patterns(text: str, asked: bool) -> tuple[str, str, bool] | None:
    """A name that the dictionary does not know, in words that can only introduce one."""
    introduced = _INTRODUCED.search(text)
    if introduced:
        return (introduced.group(1), "", True)
    if not asked:
        return None
    answered = _ANSWERED.match(text)
    if answered is None:
        return None
    words = words_of(answered.group(1))
    if len(words) == 1 and words[0].kind[1] == "普通名詞" and words[0].kind[0] == "名詞":
        return None
    if any(word.kind[0] not in ("名詞", "接尾辞", "接頭辞") for word in words):
        return None
    return (answered.group(1), "", False)


def _is_common(name: str) -> bool:
    """「代理人」 and 「保護者」 are what people are, not their names."""
    words = words_of(name)
    return name[-1] in "人者主員族" or (len(words) == 1 and words[0].kind[1] == "普通名詞")


def _called(text: str) -> list[tuple[str, str]]:
    """Names before 「様」, as family name and given name."""
    found = []
    for match in _CALLED.finditer(text):
        words = words_of(text[: match.start(1)] + match.group(1))
        names: list[SpokenWord] = []
        for word in reversed(words):
            if word.kind[2] != "人名" and (names or word.kind[1] != "固有名詞"):
                break
            names.insert(0, word)
        if names and names[-1].end == match.end(1):
            surname = names[0].surface
            found.append((surname, "".join(word.surface for word in names[1:])))
            continue
        name = match.group(1)
        if not name.endswith(_NOT_NAMES) and not _is_common(name):
            found.append((name, ""))
    return found
