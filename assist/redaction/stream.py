"""Personal data in a call: what was asked for, numbers said over several turns, names once learnt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from koemori.assist.redaction.cues import asks_for_characters, cues_in
from koemori.assist.redaction.finding import personal_spans
from koemori.assist.redaction.known import KnownName, digits_of, known_name_spans, names_of
from koemori.assist.redaction.names import name_spans
from koemori.assist.redaction.numbers import Chain, chains, counted, is_card, is_phone, is_whole
from koemori.assist.redaction.openings import opening_spans
from koemori.assist.redaction.spans import DIGITS, HeardSpan, PersonalData, Span, merged
from koemori.assist.types import Heard
from koemori.audio.call import ChannelRole

_LASTS: Final = 6
"""So many answers a question is remembered for."""
_SOON: Final = 2
"""So many after the agent has gone on to something else."""
_GOES_ON: Final = 15
_ASKS: Final = re.compile(
    r"お?願い|でしょうか|ますか|ですか|ください|下さい|教えて|伺|いただけ|お聞かせ|頂|ますでしょう|(?:は|が|を|の)[。、\s]*$"
)
_CONFIRMS: Final = re.compile(r"ですね|でございますね|よろしい|お間違い|復唱|承りました|いらっしゃいますね")
_BESIDE: Final = re.compile(
    r"えー?っ?と|ええと|あの[ー、]|はい|うん|です(?:ね|けど)?|でございます|で$|次[がは]|続けて|それから|ハイフン|番号|携帯|電話|[、。，．,.\s・のはがーね]"
)
_OPENING: Final = {ChannelRole.AGENT: 1, ChannelRole.CUSTOMER: 2, ChannelRole.UNKNOWN: 3}
"""So many utterances of a speaker are the opening of a call, in which people say who they are."""
_DOMINANT: Final = 5
_JOINED: Final = 7
_CHAIN_MS: Final = 30_000
_ANNOUNCED: Final = 24


@dataclass(slots=True)
class _Spoken:
    """An utterance and what was found in it."""

    heard: Heard
    spans: list[Span] = field(default_factory=list)


@dataclass(slots=True)
class _Pending:
    """Digits of one speaker that may be parts of one number."""

    place: int
    chain: Chain


class Redactor:
    """Finds personal data in one call, utterance by utterance.

    Pure: no clock, no I/O. It keeps the call's words, as what is learnt later is found in earlier words too.

    Args:
        names: Names of persons known beforehand: the customer's, the agent's.
        numbers: Phone, order and customer numbers known beforehand.
    """

    def __init__(self, names: Iterable[str] = (), numbers: Iterable[str] = ()) -> None:
        self._spoken: list[_Spoken] = []
        self._count: Counter[ChannelRole] = Counter()
        self._asked: dict[PersonalData, int] = {}
        self._characters = False
        self._names: dict[str, KnownName] = {}
        self._digits: dict[str, PersonalData] = {}
        self._pending: dict[ChannelRole, list[_Pending]] = {}
        for name in names:
            self._learn_name(name)
        for number in numbers:
            digits = digits_of(number)
            self._learn_digits(digits, PersonalData.PHONE if is_phone(digits) else PersonalData.NUMBER)

    def push(self, heard: Heard) -> list[HeardSpan]:
        """Add an utterance.

        Returns:
            Personal data that has become known by it: in this utterance, and in earlier ones where this one
            completes a number or tells a name. Per utterance, the union of all that was ever returned counts.
        """
        place = len(self._spoken)
        self._spoken.append(_Spoken(heard))
        asked = self._context(heard)
        found = personal_spans(heard.text, asked, self._digits)
        if self._characters and heard.speaker is not ChannelRole.AGENT:
            found = [*found, *name_spans(heard.text, asked, characters=True)]
        found += self._opening(heard)
        for name in self._names.values():
            found = [*found, *known_name_spans(heard.text, name)]
        new = self._note(place, found)
        new += self._join(place)
        new += self._learn(place)
        self._follow(heard)
        return new

    def spans(self) -> dict[str, list[Span]]:
        """All that has been found so far, by utterance id; in order and apart."""
        return {one.heard.utterance_id: list(one.spans) for one in self._spoken}

    def _context(self, heard: Heard) -> frozenset[PersonalData]:
        """What this speaker may be answering, or reading back."""
        asked = frozenset(self._asked)
        if heard.speaker is not ChannelRole.AGENT:
            return asked
        if _CONFIRMS.search(heard.text):
            return asked - {PersonalData.NAME, PersonalData.EMAIL}
        return asked & DIGITS

    def _opening(self, heard: Heard) -> list[Span]:
        self._count[heard.speaker] += 1
        return list(
            opening_spans(
                heard.text,
                agent=heard.speaker is not ChannelRole.CUSTOMER,
                customer=heard.speaker is not ChannelRole.AGENT,
                opening=self._count[heard.speaker] <= _OPENING[heard.speaker],
            )
        )

    def _follow(self, heard: Heard) -> None:
        """Remember what was asked for; forget it when it is answered or left."""
        cues = cues_in(heard.text)
        if heard.speaker is not ChannelRole.AGENT:
            self._asked = {kind: left - 1 for kind, left in self._asked.items() if left > 1}
            if cues and len(heard.text) <= _ANNOUNCED and not chains(heard.text):
                self._asked |= dict.fromkeys(cues & (DIGITS | {PersonalData.EMAIL}), _SOON)
        if heard.speaker is not ChannelRole.CUSTOMER and cues and _ASKS.search(heard.text):
            self._asked = dict.fromkeys(cues, _LASTS)
            self._characters = asks_for_characters(heard.text)
        elif heard.speaker is ChannelRole.AGENT and len(heard.text) > _GOES_ON and not chains(heard.text):
            self._asked = {kind: min(left, _SOON) for kind, left in self._asked.items()}
            self._characters = False

    def _note(self, place: int, found: Iterable[Span], *, surer: bool = False) -> list[HeardSpan]:
        """Keep what was found; return what is new of it. A surer finding tells the kind of an earlier one."""
        spoken = self._spoken[place]
        before = set(spoken.spans)
        spoken.spans = merged([*found, *spoken.spans] if surer else [*spoken.spans, *found])
        return [HeardSpan(spoken.heard.utterance_id, span) for span in spoken.spans if span not in before]

    def _join(self, place: int) -> list[HeardSpan]:
        """Digits of this utterance and of the speaker's last ones, if together they are a number."""
        heard = self._spoken[place].heard
        found = [chain for chain in chains(heard.text) if not counted(heard.text, chain)]
        pending = self._pending.setdefault(heard.speaker, [])
        if not found:
            if _rest(heard.text, []):
                pending.clear()
            return []
        if len(_rest(heard.text, found)) > _DOMINANT:
            pending.clear()
            return []
        if pending and heard.start_ms - self._spoken[pending[-1].place].heard.end_ms > _CHAIN_MS:
            pending.clear()
        for chain in found:
            said = "".join(one.chain.digits for one in pending)
            if is_whole(said) or is_whole(chain.digits):
                pending.clear()
            pending.append(_Pending(place, chain))
        return self._number(pending)

    def _number(self, pending: Sequence[_Pending]) -> list[HeardSpan]:
        digits = "".join(one.chain.digits for one in pending)
        if len(digits) < _JOINED or len({one.place for one in pending}) == 1:
            return []
        kind = PersonalData.NUMBER
        if is_card(digits):
            kind = PersonalData.CARD
        elif is_phone(digits) or (digits.startswith("0") and len(digits) < 9):
            kind = PersonalData.PHONE
        if kind is not PersonalData.NUMBER:
            self._learn_digits(digits, kind)
        return [
            new
            for one in pending
            for new in self._note(
                one.place,
                [Span(kind, one.chain.start, one.chain.end)],
                surer=is_card(digits) or is_phone(digits),
            )
        ]

    def _learn(self, place: int) -> list[HeardSpan]:
        """Names and numbers of this utterance, found again in earlier ones."""
        text = self._spoken[place].heard.text
        names = set(self._names)
        digits = set(self._digits)
        for span in self._spoken[place].spans:
            said = text[span.start : span.end]
            if span.kind is PersonalData.NAME and len(said) <= _LONGEST_NAME:
                self._learn_name(said)
            elif span.kind in DIGITS:
                for chain in chains(said):
                    self._learn_digits(chain.digits, span.kind)
        fresh = [name for surface, name in self._names.items() if surface not in names]
        numbers = {number: kind for number, kind in self._digits.items() if number not in digits}
        if not fresh and not numbers:
            return []
        return [new for earlier in range(place) for new in self._again(earlier, fresh, numbers)]

    def _again(
        self, place: int, names: Sequence[KnownName], numbers: Mapping[str, PersonalData]
    ) -> list[HeardSpan]:
        text = self._spoken[place].heard.text
        found = [span for name in names for span in known_name_spans(text, name)]
        if numbers:
            found += personal_spans(text, (), numbers)
        return self._note(place, found)

    def _learn_name(self, written: str) -> None:
        for name in names_of(written):
            self._names.setdefault(name.surface, name)

    def _learn_digits(self, digits: str, kind: PersonalData) -> None:
        if len(digits) >= _SHORTEST_KNOWN:
            self._digits.setdefault(digits, kind)


_LONGEST_NAME: Final = 12
_SHORTEST_KNOWN: Final = 4


def _rest(text: str, found: Sequence[Chain]) -> str:
    """What is said besides digits and fillers."""
    position = 0
    parts = []
    for chain in found:
        parts.append(text[position : chain.start])
        position = chain.end
    return _BESIDE.sub("", "".join([*parts, text[position:]]))
