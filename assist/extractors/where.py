"""Where it happened: a room, a shop, a town; 「自宅」 and 「書斎」 said apart make 「自宅の書斎」."""

from __future__ import annotations

import re
from typing import Final

from koemori.assist.context import CallView
from koemori.assist.phrases import fold
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.restatement import restated
from koemori.assist.types import CallFacts, FieldProposal, Heard
from koemori.assist.words import words_of
from koemori.audio.call import ChannelRole

_NAMED: Final = re.compile(
    r"((?:[一-龥々ァ-ヴーA-Za-z]){1,8}(?:支店|本店|号店|営業所|ショールーム|駅前店|交差点|公園|高速道路|店(?!員|長|舗|の人|頭)|市|区(?!別)|町(?!内)|駅))(?=[でのにへをがはも、。]|から|まで|$)"
)
_STRONG: Final = ("自宅", "台所", "キッチン", "浴室", "書斎", "玄関", "駐車場")
_HOME: Final = {"家": "自宅", "うち": "自宅", "お宅": "自宅"}
_FOLLOWED: Final = r"(?=で|の|に|から|へ|まで|は|が|を|、|。|$)"


class WhereExtractor:
    """Reads `where`."""

    name = "where"

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        words = playbook.case_words
        self._outer = _pattern(words.places_outer)
        self._inner = _pattern(words.places_inner)
        self._parts: dict[str, tuple[str, float, str]] = {}

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look for places in the newest utterance."""
        agent = heard.speaker is ChannelRole.AGENT
        text = heard.text if not agent else (restated(heard.text) or _about_home(heard.text))
        if not text:
            return []
        asked = _asked(heard, call)
        confidence = 0.7 if agent else 0.6 if asked else 0.5
        changed = self._note("named", _named(text), confidence, heard)
        changed |= self._note("outer", _first(self._outer, text, answer=agent or asked), confidence, heard)
        changed |= self._note("inner", _first(self._inner, text), confidence, heard)
        if not changed:
            return []
        named, outer, inner = (self._parts.get(kind) for kind in ("named", "outer", "inner"))
        parts = [part for part in (outer if named is None else named, inner) if part is not None]
        value = "の".join(part[0] for part in parts)
        if named is not None and outer is not None and outer[0] == "新居":
            value = f"新居({named[0]})"
        ids = tuple(dict.fromkeys(part[2] for part in parts))
        return [FieldProposal("where", value, max(part[1] for part in parts), ids)]

    def _note(self, kind: str, found: str | None, confidence: float, heard: Heard) -> bool:
        old = self._parts.get(kind)
        if found is None or (old is not None and (old[0] == found or old[1] >= confidence)):
            return False
        self._parts[kind] = (found, confidence, heard.utterance_id)
        return True


def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    choices = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(f"(?<![一-龥])(?:ご)?({choices}){_FOLLOWED}")


def _first(pattern: re.Pattern[str], text: str, *, answer: bool = True) -> str | None:
    """The first place; unasked, 「会社に」 and 「家まで」 say where to go, not where it happened."""
    for match in pattern.finditer(text):
        word = match.group(1)
        after = text[match.end() :]
        if not answer and after.startswith(("に", "へ", "まで", "が", "は", "を")) and word not in _STRONG:
            continue
        if word in ("うち", "家") and (
            not after.startswith(("で", "に", "へ", "から", "まで")) or text[: match.start()].endswith("の")
        ):
            continue
        return _HOME.get(word, word)
    return None


def _named(text: str) -> str | None:
    for match in _NAMED.finditer(text):
        name = match.group(1)
        if name in ("お店", "本店", "当店", "店", "他店", "売店", "都市", "地区", "最寄駅", "最寄り駅"):
            continue
        words = words_of(name)
        if words and (words[0].is_place or name.endswith(("店", "駅", "営業所", "ショールーム"))):
            return name
    return None


def _about_home(text: str) -> str | None:
    return text if "ご自宅" in text else None


def _asked(heard: Heard, call: CallView) -> bool:
    question = next((item for item in call.before(heard) if item.speaker is ChannelRole.AGENT), None)
    return question is not None and bool(re.search("どちら|どこ|店舗|場所|住所", fold(question.text).text))
