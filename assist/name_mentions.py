"""Where a call speaks of the caller's name, as the recogniser wrote it: the material for `name_sounds`.

The caller says it when asked, before a number, or by way of greeting; the agent says it before 様. What is
said is cut out by the words around it, whatever it looks like itself.
"""

from __future__ import annotations

import re
from typing import Final

from koemori.assist.name_sounds import HeardName, NameMention, agreed_name, spelled_family
from koemori.assist.words import words_of

_FILLERS: Final = r"(?:はい|ああ?(?=、)|えー?っ?と|ええと|あの|(?:お?名前|氏名)は|私は|、|。|\s)*"
_SAYS: Final = (
    r"です|だ(?:けど|が|よ)?(?=[、。\s]|$)|でございます|と(?:申|もう|言|いい|いう)"
    r"|(?:い|言)う(?:者|もん|もの)"
)
_ANSWER: Final = re.compile(rf"^{_FILLERS}([^、。\s]{{2,12}}?)(?:{_SAYS}|[、。\s]|[0-9]{{2}}|$)")
_BEFORE_NUMBER: Final = re.compile(
    rf"(?:^|[、。\s])([^、。\s]{{2,12}}?)(?:{_SAYS})?[、。\s]*(?=[0-9]{{2,4}}の[0-9])"
)
_GREETING: Final = re.compile(
    rf"^{_FILLERS}([ぁ-んァ-ヴー]{{2,8}}?)(?:(?:です|だ)(?:けど|けれど|が)|{_SAYS})"
)
_CALLED: Final = re.compile(r"(?:^|[、。\s])([^、。\s0-9]{2,8}?)(?:様|さま)(?!々|ざま)")
_KANJI: Final = re.compile("[一-龥々ヶ﨑]+")
_VARIANTS: Final = str.maketrans("髙﨑德濵", "高崎徳浜")
_KANA: Final = re.compile("[ぁ-んァ-ヴー]+")
_NOT_CALLED: Final = re.compile(
    "お?(?:客|きゃく|嬢|じょう|互い|たがい|陰|かげ|疲れ|世話)|お子|皆|みな|どな|ど|なに|奥|あり"
)
_MOST_MENTIONS: Final = 8
_FIRST_WORDS: Final = 2
"""Utterances of the caller that may be a greeting."""


class NameMentions:
    """Mentions of the caller's name, oldest first, and what they agree on."""

    def __init__(self) -> None:
        self._mentions: list[tuple[str, NameMention]] = []
        self._own = 0
        self._agreed: HeardName | None = None

    @property
    def agreed(self) -> HeardName | None:
        """The name that the mentions so far agree on."""
        return self._agreed

    @property
    def utterance_ids(self) -> tuple[str, ...]:
        """Where the name was mentioned."""
        return tuple(dict.fromkeys(place for place, _ in self._mentions))

    def said(self, utterance_id: str, text: str, asked: bool) -> None:
        """Words of the caller."""
        self._own += 1
        found = _ANSWER.match(text) if asked else None
        greeting = _GREETING.match(text) if self._own <= _FIRST_WORDS else None
        before = _BEFORE_NUMBER.search(text)
        said = {match.start(1): match.group(1) for match in (greeting, before, found) if match is not None}
        self._add(utterance_id, [NameMention(each, False, _is_by_ear(each)) for each in said.values()])

    def called(self, utterance_id: str, text: str) -> None:
        """Words of the agent."""
        names = [name for name in _CALLED.findall(text) if not _NOT_CALLED.match(name)]
        self._add(utterance_id, [NameMention(each, True, _is_by_ear(each)) for each in names])

    def _add(self, utterance_id: str, mentions: list[NameMention]) -> None:
        if mentions:
            fresh = [(utterance_id, mention) for mention in mentions]
            self._mentions = [*self._mentions, *fresh][-_MOST_MENTIONS:]
            self._agreed = agreed_name([mention for _, mention in self._mentions])


def is_certain(surname: str) -> bool:
    """Whether it is written as family names are: in kanji, and one word of the dictionary."""
    written = surname.translate(_VARIANTS)
    return bool(_KANJI.fullmatch(surname)) and words_of(written)[0].surface == written


def is_plausible(name: str) -> bool:
    """Whether it may be a name: kana when one is known that sounds so, kanji when no words (昨日目)."""
    words = words_of(name)
    if _KANA.fullmatch(name):
        return spelled_family(name) is not None or any(word.kind[2] == "人名" for word in words)
    common = bool(words) and words[0].kind[1] == "普通名詞" and len(words[0].surface) > 1
    return len(words) == 1 or not common


def _is_by_ear(text: str) -> bool:
    """Whether no other word explains how it is written: kana, or a proper name of the dictionary."""
    first = words_of(text)[:1]
    return bool(_KANA.fullmatch(text)) or any(word.kind[1] == "固有名詞" for word in first)
