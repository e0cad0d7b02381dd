"""Names by where they stand in a call: an agent's greeting, an address with 様, a caller's first words.

Recognisers garble names more than anything (「木下」 as 「木の下」, 「古賀様」 as 「子がさま」), so here the
place decides and not the dictionary.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from koemori.assist.redaction.names import can_be_name, is_common_noun, name_words
from koemori.assist.redaction.spans import PersonalData, Span
from koemori.assist.words import words_of

_AT_HEAD: Final = re.compile(r"^([^、。\s]{1,6}?)で(?:ございます|す)(?=$|[。、\s])")
_AFTER_OFFICE: Final = re.compile(r"の([^の、。\s]{1,6}?)で(?:ございます|す)(?=$|[。、\s])")
_OF_OFFICE: Final = re.compile(
    r"(?:センター|窓口|相談室|係|課|サポート|デスク|案内|担当)の([^の、。\s]{1,6}?)で(?:ございます|す)(?=$|[。、\s])"
)
_GREETING: Final = re.compile("録音|お電話(?:いただき)?ありがとう")
_OFFICE: Final = re.compile(r"(?:センター|窓口|係|室|部|課|店|サポート|会社|デスク|社|局|所|ます|こちら)$")
_ADDRESSED: Final = re.compile(
    r"^(?:(?:はい|ありがとうございます|承知(?:いた)?しました|かしこまりました|それでは|では)[、。\s]*)?"
    r"([^、。\s]{1,7}?)(?:様|さま)(?=$|[、。\sあごおいのはにがもで])"
)
_CALLER: Final = re.compile(
    r"^(?:(?:もしもし|あ|あの|すみません|えっと|私)[、。\s]*)*([^、。\s]{2,6}?)"
    r"(?:だけど|ですけど|ですが|と申し)(?=[、。\s]|も|$|ま)"
)


Fits = Callable[[str], bool]


def opening_spans(text: str, *, agent: bool, customer: bool, opening: bool) -> Iterator[Span]:
    """Names in `text` that their place gives away.

    Args:
        text: One utterance.
        agent: Whether the agent can have said it.
        customer: Whether the customer can.
        opening: Whether it is among the speaker's first.
    """
    if agent:
        yield from _matches(_ADDRESSED, text, _is_addressed)
        yield from _matches(_OF_OFFICE, text, _is_greeted)
        if opening or _GREETING.search(text):
            yield from _matches(_AT_HEAD, text, _is_greeted)
            yield from _matches(_AFTER_OFFICE, text, _is_greeted)
    if customer and opening:
        yield from _matches(_CALLER, text, _is_caller)


def _matches(pattern: re.Pattern[str], text: str, fits: Fits) -> Iterator[Span]:
    for match in pattern.finditer(text):
        if fits(match.group(1)):
            yield Span(PersonalData.NAME, match.start(1), match.end(1))


def _is_addressed(name: str) -> bool:
    lists = name_words()
    if name in lists.not_persons or any(name.endswith(one) for one in lists.not_persons if len(one) > 1):
        return False
    return not name.endswith(
        ("お客", "客", "皆", "何名", "同", "有り", "逆", "王", "仏", "殿", "貴", "神", "名")
    )


def _is_greeted(name: str) -> bool:
    if _OFFICE.search(name) or re.search("[0-9]|^担当の|^責任者の", name):
        return False
    return name not in name_words().not_persons


def _is_caller(name: str) -> bool:
    words = words_of(name)
    known = all(word.kind[1] == "普通名詞" or word.kind[0] != "名詞" for word in words)
    return (
        can_be_name(name)
        and not is_common_noun(name)
        and not (known and len(words) > 1 and not re.search("[ァ-ヴ]{2}", name))
    )
