"""Clauses of spoken Japanese, with or without punctuation, and their endings cut to what a form shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from koemori.assist.words import SpokenWord, words_of

_MARKS: Final = frozenset("。！？!?…")
_SOFT_MARKS: Final = frozenset("、,， 　")
_FINAL_PARTICLES: Final = frozenset(
    ("よ", "ね", "か", "わ", "ぞ", "ぜ", "さ", "な", "ねん", "やん", "って", "もん")
)
_JOINING: Final = frozenset(("けど", "けれど", "けれども", "けども", "ので", "のに", "が", "から", "し"))
_POLITE: Final = frozenset(("です", "ます", "ました", "ません", "でした", "ましょう", "でしょう", "ください"))
_LEADING: Final = re.compile(
    r"^(?:(?:もしもし|あのさあ?|あのね|あのう?|えーっ?と|えっと|ええと|その|まあ|もう(?![一二三四いすち少])|だから|でも|ですから|いや|はい|ええ|うん|あ(?![とのっる])|え|は(?![いっ])"
    r"|ねえ|おい|それで|それから|じゃあ|では|で|とにかく|ちょっと|すみません|すいません|実は|なんか|そしたら|あと(?![一二三四五六0-9]))[、。…\s]*)+(?=.)"
)
_ENDING: Final = re.compile(
    r"(?:(?:言|い|ゆ)うと(?:ん|る)の?(?:や|だ)?(?:ろ|よ|ね)?|(?:と|って)(?:言|い|ゆ)(?:って(?:ん|る)の?|うて(?:ん|る)の?|うとん)(?:んだ|だ|です|ます|や|ねん)?(?:よ|ろ|ね)?|(?<=い|ろ|せ|え|れ|け)(?:って|て)"
    r"|(?:なん|の|ん)(?:だ|です|や)(?:けれども|けれど|けども|けど|が|よ|ね|わ|もん|から)*"
    r"|(?:ので|のに|けれども|けれど|けども|けど|から|よ|ね|わ|ぞ|な|さ)+"
    r"|(?:です|でした)(?:けれども|けれど|けども|けど|が|よ|ね|わ|から)*"
    r")$"
)


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch of an utterance; offsets are in its text."""

    text: str
    start: int
    end: int
    question: bool


@lru_cache(maxsize=1024)
def sentences_of(text: str) -> tuple[Clause, ...]:
    """Like `clauses_of`, but 「…ので、…」 and 「…ますが、…」 stay together."""
    return _split(text, joined=True)


@lru_cache(maxsize=1024)
def clauses_of(text: str) -> tuple[Clause, ...]:
    """Split at marks, and where a sentence ends by its grammar although nobody wrote a mark."""
    return _split(text, joined=False)


def _split(text: str, *, joined: bool) -> tuple[Clause, ...]:
    cuts = {0, len(text)}
    for place, character in enumerate(text):
        if character in _MARKS:
            cuts.add(place + 1)
    words = words_of(text)
    for word, following in pairwise(words):
        if _ends_sentence(word, following) and not (joined and word.kind[1] == "接続助詞"):
            cuts.add(word.end)
    places = sorted(cuts)
    found = []
    for start, end in pairwise(places):
        piece = text[start:end]
        core = piece.strip("".join(_MARKS | _SOFT_MARKS))
        if core:
            begin = start + piece.index(core)
            question = piece.rstrip().endswith(("?", "?")) or core.endswith(
                ("ますか", "ですか", "せんか", "しょうか", "ましたか", "のか")
            )
            found.append(Clause(core, begin, begin + len(core), question))
    return tuple(found)


def _ends_sentence(word: SpokenWord, following: SpokenWord) -> bool:
    if following.kind[0] in ("助詞", "助動詞", "接尾辞"):
        return False
    if word.kind[1] == "終助詞" and word.surface in _FINAL_PARTICLES:
        return True
    if word.kind[1] == "接続助詞" and word.surface in _JOINING:
        return True
    return word.surface in _POLITE or (
        word.kind[0] == "助動詞" and word.surface in ("だ", "や") and word.lemma != "た"
    )


def trimmed(text: str) -> str:
    """A clause without fillers before it and sentence endings after it."""
    text = _LEADING.sub("", text.strip("".join(_MARKS | _SOFT_MARKS)))
    shorter = text if _ends_in_past(text) else _ENDING.sub("", text)
    return (shorter if len(shorter) >= 2 else text).strip("".join(_MARKS | _SOFT_MARKS))


def _ends_in_past(text: str) -> bool:
    """「頼んだ」 ends in a verb, 「…なんだ」 in a sentence ending."""
    words = words_of(text) if text.endswith("んだ") else ()
    return bool(words) and words[-1].kind[0] == "助動詞" and words[-1].lemma == "た"
