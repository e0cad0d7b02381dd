"""Names by their sound: which family name a few recognised syllables are most like.

A recogniser spells a name it does not know by ear: 「おのでらさま」, 「2シムラ数個」, 「子がさま」. The words
are read aloud again and compared with family names, mora by mora, at the costs of what a telephone makes
of sounds (`koemori.models.readings`). Several mentions of one caller vote. No name is made of nothing: one
mention alone must sound exactly like a family name (a longer one before 様 almost), several only like the
same one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Final

from koemori.models.readings import Unit, is_kana, kana_reading, morae, sound_table
from koemori.models.sound_search import HeardSounds, SoundIndex

_DIGITS: Final = dict(
    zip(
        "0123456789",
        ("れい", "いち", "に", "さん", "よん", "ご", "ろく", "なな", "はち", "きゅう"),
        strict=True,
    )
)
_FARTHEST: Final = 0.3
"""Of one mention, per mora of the name."""
_MOST_MORAE: Final = 14
_EXACT: Final = 0.02
_FAR_IN_MEAN: Final = 0.2
_LEAST_LEAD: Final = 0.05
_FEWEST_ALONE: Final = 3
"""Morae of a name that is believed on one mention."""
_LONG: Final = 4
_NEARLY: Final = 0.1
"""For a name of so many morae that is all of a mention."""
_MOST_REST: Final = 5
"""Morae of a given name that was not understood, behind a family name in kanji."""
_GIVEN_FARTHEST: Final = 0.16


@dataclass(frozen=True, slots=True)
class FamilyName:
    """A family name; `written` is the commonest spelling, as nobody can hear another one."""

    reading: str
    written: str


@dataclass(frozen=True, slots=True)
class NameMention:
    """Syllables that held a name: 「オノデラプヨシ」 of the caller, 「おのでら」 before the agent's 様.

    Attributes:
        text: As it was recognised.
        whole: Whether the family name is all of it (before 様), not only how it begins.
        name: Whether it is written as a name or by ear, so that it needs no second mention: 「続き見先」
            may be 続き.
    """

    text: str
    whole: bool
    name: bool = True


@dataclass(frozen=True, slots=True)
class HeardName:
    """What mentions agree on.

    Attributes:
        given: Reading of the given name in katakana; empty when it was not understood.
        mentions: How many mentions sound like the family name.
        called: Whether the agent's words before 様 sound exactly so.
    """

    family: FamilyName
    given: str
    mentions: int
    called: bool


class _Names:
    def __init__(self, data: dict[str, list[str]]) -> None:
        self.families = tuple(FamilyName(*entry.split()) for entry in data["family"])
        self.given = tuple(data["given"])
        sounds = [morae(name.reading) for name in self.families]
        self.lengths = tuple(map(len, sounds))
        self.index = SoundIndex(sounds, [_FARTHEST] * len(sounds))
        self.by_sound = {sound: place for place, sound in reversed(list(enumerate(sounds)))}
        self.given_sounds = tuple(morae(name) for name in self.given)


@cache
def _names() -> _Names:
    raw = resources.files("koemori.assist").joinpath("name_sounds.toml").read_text(encoding="utf-8")
    return _Names(tomllib.loads(raw))


def reading_of(text: str) -> str:
    """Hiragana of recognised words; figures are read one by one (石橋7 → いしばしなな)."""
    return kana_reading("".join(_DIGITS.get(sign, sign) for sign in text))


def sounds_alike(one: str, other: str) -> bool:
    """Whether two names, however they are written, have one sound."""
    return morae(reading_of(one)) == morae(reading_of(other))


def begins_alike(name: str, family: str) -> bool:
    """Whether a name begins with the sound of a family name."""
    sounds = morae(reading_of(family))
    return bool(sounds) and morae(reading_of(name))[: len(sounds)] == sounds


def spelled_family(reading: str) -> FamilyName | None:
    """The family name that sounds exactly so, or None."""
    place = _names().by_sound.get(morae(reading))
    return None if place is None else _names().families[place]


@lru_cache(maxsize=256)
def _alike(mention: NameMention) -> dict[int, tuple[float, int]]:
    """Distance per mora of each family name that the mention may be, and the mora after it."""
    names = _names()
    heard = morae(reading_of(mention.text))
    if not heard or len(heard) > _MOST_MORAE:
        return {}
    units = [Unit(place, place + 1, (sound,), True, True, True) for place, sound in enumerate(heard)]
    found: dict[int, tuple[float, int]] = {}
    for place in names.index.places(HeardSounds(units, "*" * len(units))):
        if place.first or (mention.whole and place.end != len(heard)):
            continue
        if place.row not in found or place.distance < found[place.row][0]:
            found[place.row] = (place.distance, place.end)
    return found


def agreed_name(mentions: Sequence[NameMention]) -> HeardName | None:
    """The family name that the mentions agree on, or None.

    Mentions that sound like none of the names near the others are left out: 「作り様」 for 福井.
    """
    names = _names()
    alike = [(mention, _alike(mention)) for mention in mentions]
    rows = {row for _, near in alike for row in near}
    ranked = sorted((_doubt(row, alike), row) for row in rows)
    if not ranked:
        return None
    doubt, best = ranked[0]
    near = [(mention, *found[best]) for mention, found in alike if best in found]
    lead = ranked[1][0] - doubt if len(ranked) > 1 else 1.0
    given = next((name for mention, _, end in reversed(near) if (name := _given(mention, end))), "")
    if len(near) == 1:
        mention, distance, end = near[0]
        if not _is_enough(mention, distance, end, names.lengths[best], lead):
            return None
    elif not _is_near([distance for _, distance, _ in near], lead):
        return None
    called = any(mention.whole and distance <= _EXACT for mention, distance, _ in near)
    return HeardName(names.families[best], given, len(near), called)


def _is_enough(mention: NameMention, distance: float, end: int, length: int, lead: float) -> bool:
    """Whether one mention alone is believed."""
    if not mention.name or length < _FEWEST_ALONE:
        return False
    if mention.whole:
        return distance <= _EXACT or (distance <= _NEARLY and length >= _LONG and lead >= _LEAST_LEAD)
    rest = _length(mention) - end
    written = rest <= _MOST_REST and not is_kana(mention.text[0])
    return distance <= _EXACT and (rest == 0 or written or bool(_given(mention, end)))


def _is_near(distances: Sequence[float], lead: float) -> bool:
    if min(distances) <= _EXACT:
        return True
    return sum(distances) / len(distances) <= _FAR_IN_MEAN and lead >= _LEAST_LEAD


def _length(mention: NameMention) -> int:
    return len(morae(reading_of(mention.text)))


def _doubt(row: int, alike: Sequence[tuple[NameMention, dict[int, tuple[float, int]]]]) -> float:
    """Mean distance over all mentions; one that is not alike counts as the farthest, and a bit more."""
    distances = [found[row][0] if row in found else _FARTHEST * 1.5 for _, found in alike]
    return sum(distances) / len(distances) + row * 1e-5


@lru_cache(maxsize=256)
def _given(mention: NameMention, first: int) -> str:
    """Katakana of the given name in the morae from `first` on, where just one is near."""
    if mention.whole:
        return ""
    names, table = _names(), sound_table()
    rest = morae(reading_of(mention.text))[first:]
    if len(rest) < 2:
        return ""
    ranked = sorted(
        (table.distance(rest, sound), place)
        for place, sound in enumerate(names.given_sounds)
        if abs(len(sound) - len(rest)) <= 1
    )
    if not ranked or ranked[0][0] > _GIVEN_FARTHEST:
        return ""
    if ranked[0][0] > _EXACT and len(ranked) > 1 and ranked[1][0] - ranked[0][0] < _LEAST_LEAD:
        return ""
    return "".join(chr(ord(sign) + 0x60) for sign in names.given[ranked[0][1]])
