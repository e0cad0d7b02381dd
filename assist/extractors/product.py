"""The product or service the call is about, with the words that belong to it: 「無線ルーター」."""

from __future__ import annotations

import re
from typing import Final

from koemori.assist.context import CallView
from koemori.assist.phrases import fold
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.restatement import restated
from koemori.assist.types import CallFacts, FieldProposal, Heard
from koemori.assist.words import SpokenWord, words_of
from koemori.audio.call import ChannelRole

_BOUGHT: Final = re.compile(
    r"^(?:を|は|が|も|の件|って)?.{0,6}(?:買|購入|注文|頼|申し込|契約|予約|使|届|壊|動|故障)"
)
_GREETING: Final = 0.35
_SERVICE: Final = 0.45
_MENTIONED: Final = 0.55
_MENTIONED_LATE: Final = 0.4
_EARLY_TURNS: Final = 3
_BOUGHT_CONFIDENCE: Final = 0.7
_READ_BACK: Final = 0.8


class ProductExtractor:
    """Reads `product`."""

    name = "product"

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        words = playbook.case_words
        choices = "|".join(re.escape(word) for word in sorted(words.products, key=len, reverse=True))
        self._products = re.compile(choices)
        self._services = words.services
        self._value = ""
        self._core = ""
        self._confidence = 0.0
        self._ids: tuple[str, ...] = ()

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look for a product; the agent's read-back and fuller names win."""
        agent = heard.speaker is ChannelRole.AGENT
        if agent and len(call.heard) <= 2:
            return self._propose(heard, *self._service(heard.text, _GREETING))
        text = heard.text if not agent else restated(heard.text)
        if text is None:
            return self._fuller(heard)
        early = len(call.recent(_EARLY_TURNS + 1, ChannelRole.CUSTOMER)) <= _EARLY_TURNS
        core, value, confidence = self._product(text, agent, early)
        if not value:
            core, value, confidence = self._service(text, _SERVICE)
        return self._propose(heard, core, value, confidence)

    def _product(self, text: str, agent: bool, early: bool) -> tuple[str, str, float]:
        words = words_of(text)
        best = ("", "", 0.0)
        for place, word in enumerate(words):
            folded = fold(word.surface).text
            match = self._products.fullmatch(folded) or (
                self._products.search(folded) if len(folded) > 2 and word.kind[0] == "名詞" else None
            )
            if match is None or (len(match.group()) < 2 and folded != match.group()):
                continue
            if word.kind[0] != "名詞" or _is_part_of_another(words, place):
                continue
            confidence = _READ_BACK if agent else _MENTIONED if early else _MENTIONED_LATE
            if not agent and _BOUGHT.match(text[word.end :]):
                confidence = _BOUGHT_CONFIDENCE
            if match.group() == self._core:
                confidence += 0.01
            if confidence > best[2]:
                name = _with_modifiers(text, words, place)
                part = self._part(text, words, place)
                whole = self._whole(words, place)
                name = f"{whole}の{name}" if whole else f"{name}の{part}" if part else name
                best = (match.group(), name, confidence)
        return best

    def _part(self, text: str, words: tuple[SpokenWord, ...], place: int) -> str:
        """「プリンターのインク」: a product that belongs to the one before it."""
        if place + 2 >= len(words) or words[place + 1].surface != "の":
            return ""
        part = words[place + 2]
        return part.surface if self._products.fullmatch(fold(part.surface).text) else ""

    def _whole(self, words: tuple[SpokenWord, ...], place: int) -> str:
        if place < 2 or words[place - 1].surface != "の":
            return ""
        whole = words[place - 2]
        return whole.surface if self._products.fullmatch(fold(whole.surface).text) else ""

    def _service(self, text: str, confidence: float) -> tuple[str, str, float]:
        folded = fold(text).text
        for word, contract in self._services.items():
            if re.search(rf"{re.escape(word)}(?!番号|会社の)", folded):
                return (contract, contract, confidence)
        return ("", "", 0.0)

    def _fuller(self, heard: Heard) -> list[FieldProposal]:
        """The agent names the same thing more fully: 「無線ルーター」 for 「ルーター」."""
        if not self._core:
            return []
        core, value, _ = self._product(heard.text, True, True)
        if core == self._core and len(value) > len(self._value):
            return self._propose(heard, core, value, self._confidence)
        return []

    def _propose(self, heard: Heard, core: str, value: str, confidence: float) -> list[FieldProposal]:
        if not value:
            return []
        same = core == self._core and core != ""
        if same:
            if len(value) <= len(self._value):
                return []
            confidence = max(confidence, self._confidence)
        elif confidence <= self._confidence:
            return []
        self._ids = (*self._ids, heard.utterance_id) if same else (heard.utterance_id,)
        self._core, self._value, self._confidence = core, value, confidence
        return [FieldProposal("product", value, confidence, self._ids)]


def _is_part_of_another(words: tuple[SpokenWord, ...], place: int) -> bool:
    """「ケーキ屋」 and 「バス停」 are not products."""
    following = words[place + 1] if place + 1 < len(words) else None
    return following is not None and following.surface in ("屋", "停", "会社", "側", "員", "会場", "代わり")


def _with_modifiers(text: str, words: tuple[SpokenWord, ...], place: int) -> str:
    start = place
    while start > 0:
        before = words[start - 1]
        joined = before.end == words[start].start
        if not joined or before.kind[0] not in ("名詞", "接頭辞") or before.kind[1] in ("数詞", "代名詞"):
            break
        if before.kind[2] in ("人名", "副詞可能") or before.surface in (
            "お",
            "ご",
            "件",
            "時",
            "様",
            "方",
            "的",
        ):
            break
        start -= 1
    return text[words[start].start : words[place].end]
