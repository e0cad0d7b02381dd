"""Names of persons: known to the dictionary, introduced, called, or given as an answer.

A family name that is also a word (森, 林, 原, 関, 東) is a name only where one is said: before 様 and さん,
at the head of 「…ですけど」, or when it was asked for.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from koemori.assist.redaction.spans import PersonalData, Span
from koemori.assist.words import SpokenWord, words_of

_SIGNS: Final = "[一-龥々ヶァ-ヴー・]"
_HONORIFIC: Final = r"(?:様|さん|さま|氏|くん(?!で|だ|じゃ|や)|君|ちゃん(?!と))"
_CALLED: Final = re.compile(
    rf"((?:{_SIGNS}|[ぁ-ん]){{1,10}}?)(?={_HONORIFIC}(?!々)|って(?:いう)?(?:人|方|担当|者|やつ)|という(?:人|方|者|担当|名))"
)
_INTRODUCED: Final = re.compile(
    rf"(?:^|[、。\s]|は|が|私|わたくし|の|けど|もしもし)({_SIGNS}{{1,12}}|[ぁ-ん]{{2,7}}?)"
    r"(?=と申し|と(?:言|い)います|って(?:言|い)います|っていうん|という者|と(?:言|い)う者|が承|が担当(?:し|いた)|が対応)"
)
_OPENING: Final = (
    r"^(?:(?:はい|あ|えー?っ?と|ええと|あの|もしもし|すみません|私は?|お世話になって(?:い|おり)ます)"
    r"[、。\s]*)*"
)
_SPEAKS: Final = re.compile(
    rf"{_OPENING}({_SIGNS}{{1,8}}|[ぁ-ん]{{2,8}}?)"
    r"(?=(?:です|だ)(?:けど|けれど|が[、。\s]|が$|よ[、。]|$|。|、)|でございます|っす)"
)
_ANSWER: Final = re.compile(
    rf"{_OPENING}(?:名前は|名字は|名義は|下の名前は|父の|母の|夫の|妻の)?((?:{_SIGNS}|[\s])+|[ぁ-ん]{{2,10}}?)"
    r"(?=です|だ(?:けど|よ|$|。|、)|でございます|と申|と(?:言|い)|って(?:言|い)|っす|[、。\s]|$|でし|ね|と読み"
    r"|(?!の?[0-9]+[日月時])の?[0-9]|の?[A-Z]の)"
)
_MIXED: Final = re.compile(
    rf"{_OPENING}([^、。\s]{{2,10}}?)(?=です|でございます|と申|といい|だけど|[、。\s])"
)
_STATED: Final = re.compile(
    rf"(?:名前|名字|苗字|氏名|名義|担当)(?:が|は|の|、)?[、\s]?((?:{_SIGNS}){{1,10}}|[ぁ-ん]{{2,8}}?)"
    r"(?=です|だ|で[、。]|と(?:い|言)|でござい|が|は|に代|を|、|。|$|さん|様)"
)
_BEFORE_NUMBER: Final = re.compile(
    rf"(?:^|[、。\s])({_SIGNS}{{2,6}})[0-9]?(?:です|だ)[。、\s]+(?=電話|番号|契約|[0-9]{{2}})"
)
_RELATION: Final = re.compile(
    r"(?:主人|旦那|夫|妻|家内|息子|娘|父|母|孫|兄|弟|姉|妹|祖父|祖母|同居|担当|上司|部長|課長|店長|責任者|窓口)の"
    rf"({_SIGNS}{{1,5}}|[ぁ-ん]{{2,5}}?)(?=の名義|[がはもを、。]|です|って|くん|ちゃん|さん|でござい|と|に代|$)"
)
_CHARACTERS: Final = re.compile(
    r"(?:[一-龥々ァ-ヴーぁ-ん]{1,8}(?:の|という)[一-龥々ァ-ヴー]{1,3}"
    r"(?:に|と|、|は|で|一番|簡単な|難しい|ほう|方|という|\s)*)+[一-龥々ァ-ヴー]{0,5}"
)
_LIST: Final = "names.toml"


@dataclass(frozen=True, slots=True)
class NameWords:
    """Word lists of `names.toml`."""

    surnames: frozenset[str]
    not_persons: frozenset[str]
    brands: frozenset[str]
    not_answers: frozenset[str]
    places: frozenset[str]
    not_names: frozenset[str]


@cache
def name_words() -> NameWords:
    """The lists, read once."""
    text = resources.files("koemori.assist.redaction").joinpath(_LIST).read_text(encoding="utf-8")
    lists = tomllib.loads(text)
    return NameWords(
        *(
            frozenset(lists[name])
            for name in ("surnames", "not_persons", "brands", "not_answers", "places", "not_names")
        )
    )


def name_spans(
    text: str, asked: Collection[PersonalData] = (), *, characters: bool = False
) -> Iterator[Span]:
    """Names in `text`.

    Args:
        text: One utterance.
        asked: What was asked for just before.
        characters: Whether it was asked how a name is written.
    """
    lists = name_words()
    for start, end in _found(text, PersonalData.NAME in asked):
        if text[start:end] not in lists.brands:
            yield Span(PersonalData.NAME, start, end)
    if characters:
        for match in _CHARACTERS.finditer(text):
            yield Span(PersonalData.NAME, match.start(), match.end())


def _found(text: str, asked: bool) -> Iterator[tuple[int, int]]:
    words = words_of(text)
    for word in words:
        if word.kind[2] == "人名" and not _common_here(text, word):
            yield word.start, word.end
    for match in _CALLED.finditer(text):
        called = _called(text, match.end(1), politely=text.startswith(("様", "さま"), match.end(1)))
        if called is not None:
            yield called
    for pattern, fits in _PATTERNS:
        for match in pattern.finditer(text):
            if fits(match.group(1)):
                yield match.span(1)
    spoken = _SPEAKS.match(text)
    if spoken is not None and _is_surname(spoken.group(1)):
        yield spoken.span(1)
    if asked:
        yield from _answers(text)


def _answers(text: str) -> Iterator[tuple[int, int]]:
    """What was said when a name was asked for: each part of the answer that can be one."""
    position = 0
    for part in re.split(r"(?<=[、。])", text):
        match = _ANSWER.match(part)
        if match is not None and match.group(1).strip() and _can_be_answer(match.group(1).strip()):
            yield position + match.start(1), position + match.start(1) + len(match.group(1).rstrip())
        position += len(part)
    mixed = _MIXED.match(text)
    if mixed is not None and _can_be_garbled(mixed.group(1)):
        yield mixed.span(1)


def _called(text: str, end: int, *, politely: bool) -> tuple[int, int] | None:
    """The name that ends at `end`, before 様 or さん: as far back as names go.

    Before 様 one noun that is no name elsewhere is believed too; trades are called さん (車掌さん).
    """
    lists = name_words()
    start = end
    for word in reversed(words_of(text[:end])):
        part_of_name = word.kind[2] == "人名" or (start == end and _nameable(word, politely))
        part_of_name |= politely and _one_sign(word)
        if word.end != start or not part_of_name:
            break
        start = word.start
    name = text[start:end]
    if len(name) == 1 and name not in lists.surnames:
        return None
    if not name or name in lists.not_persons or name[-1:] in _PEOPLE_ENDINGS or len(name) > _LONGEST_CALLED:
        return None
    before = text[max(0, start - 1) : start]
    if before in ("お", "ご") or any(name.endswith(word) for word in lists.not_persons if len(word) > 1):
        return None
    return start, end


_PEOPLE_ENDINGS: Final = ("民", "長", "屋", "者", "員", "人", "師", "主", "手", "達", "方")
_LONGEST_CALLED: Final = 8


def _one_sign(word: SpokenWord) -> bool:
    """A noun of one kanji, which may be half of a name the dictionary does not know (斧寺)."""
    noun = word.kind[0] == "名詞" and word.kind[1] == "普通名詞" and word.kind[2] == "一般"
    return noun and re.fullmatch("[一-龥]", word.surface) is not None


def _nameable(word: SpokenWord, politely: bool) -> bool:
    """A noun that can stand before 様: a proper noun, or any short one written in kanji or katakana."""
    if word.kind[0] != "名詞" or word.kind[1] == "数詞":
        return False
    if word.kind[1] == "固有名詞" or word.surface in name_words().surnames:
        return True
    return politely and word.kind[2] not in ("サ変可能", "副詞可能")


def can_be_name(name: str) -> bool:
    """Whether these words can be a name: no role, no usual answer, no beginning that names never have."""
    lists = name_words()
    if name in lists.not_persons or name in lists.not_answers or _is_role(name):
        return False
    words = words_of(name)
    return bool(words) and (name in lists.surnames or words[0].kind[0] not in _NO_NAME_BEGINS)


_NO_NAME_BEGINS: Final = (
    "副詞", "感動詞", "代名詞", "動詞", "形容詞", "接続詞", "連体詞", "助詞", "助動詞", "補助記号", "記号",
)  # fmt: skip


def _is_role(name: str) -> bool:
    lists = name_words()
    return any(name.endswith(word) for word in lists.not_persons if len(word) > 1)


def is_common_noun(name: str) -> bool:
    """One ordinary word of the dictionary that is no family name."""
    words = words_of(name)
    if name in name_words().surnames:
        return False
    return len(words) == 1 and words[0].kind[1] in ("普通名詞", "数詞", "非自立可能", "一般", "*")


def _can_be_answer(name: str) -> bool:
    lists = name_words()
    if name in lists.not_answers or name in lists.not_persons:
        return False
    if name in lists.surnames:
        return True
    words = words_of(name)
    if not words or words[0].kind[0] in _NO_NAME_BEGINS:
        return False
    if re.fullmatch("[ぁ-ん]+", name):
        return words[-1].kind[0] != "助詞" and (len(words) > 1 or words[0].kind[1] != "非自立可能")
    nouns = all(word.kind[0] in ("名詞", "接尾辞", "接頭辞", "形状詞") for word in words)
    return nouns and not any(word.kind[1] == "数詞" or word.kind[2] == "副詞可能" for word in words)


def _can_be_garbled(name: str) -> bool:
    """Katakana, perhaps with bits of other words: what recognisers make of a name they do not know."""
    if name in name_words().not_answers or re.match("[0-9]{2}", name):
        return False
    unknown = re.search("[ァ-ヴー]{2,}", name) is not None
    return unknown and not any(word.kind[0] in ("動詞", "形容詞", "感動詞") for word in words_of(name))


def _is_given(name: str) -> bool:
    words = words_of(name)
    if name in name_words().not_persons or not words:
        return False
    return all(word.kind[1] == "固有名詞" or word.kind[2] == "人名" for word in words) or (
        len(words) > 1 and re.fullmatch("[ぁ-ん]+", name) is not None
    )


def _is_surname(name: str) -> bool:
    if name in name_words().surnames:
        return True
    words = words_of(name)
    return bool(words) and all(word.kind[2] == "人名" for word in words)


def _common_here(text: str, word: SpokenWord) -> bool:
    """A family name that is a word as well, or a word in kana, where nothing makes it a name."""
    lists = name_words()
    if word.surface in lists.not_names or word.surface in lists.brands or word.surface in lists.not_persons:
        return True
    if re.match(r"[0-9０-９一二三四五六七八九十]+[日月]", text[word.end :]):
        return True
    if word.kind[3] == "名" and re.search("[一-龥]$", text[: word.start]):
        before = words_of(text[: word.start])[-1]
        if before.kind[2] != "人名" and before.surface not in lists.surnames:
            return True
    if word.surface in lists.places and re.match("[のにへでを]|から|まで|県|産|駅", text[word.end :]):
        return True
    one_sign = len(word.surface) == 1 or re.fullmatch("[ぁ-ん]+", word.surface) is not None
    if not one_sign:
        return False
    after = text[word.end :]
    return re.match(rf"{_HONORIFIC}|と申|でござい|が承", after) is None


def _is_stated(name: str) -> bool:
    return can_be_name(name) and not is_common_noun(name)


_PATTERNS: Final = (
    (_BEFORE_NUMBER, _is_stated),
    (_INTRODUCED, can_be_name),
    (_RELATION, _is_given),
    (_STATED, _is_stated),
)
"""Where a name can stand, and what must hold of the words there."""
