"""Who said what on a channel that carries both sides: what the engine is told, and told again.

A channel that is the agent's or the customer's says so itself. On one of both, each word may carry the name
of a voice, which may come later than the word and be revised; whose voice it is follows from what the voices
say (`koemori.assist.voice_roles`). An utterance is given to the engine at once, by what is known; once more
is known, its parts are said again as `Attributed`. Pure.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from koemori.assist.types import Attributed, Heard
from koemori.assist.voice_roles import MOST_KEPT, VoiceRoles, load_role_rules
from koemori.audio.call import ChannelRole
from koemori.models.speakers import UNKNOWN_SPEAKER
from koemori.models.types import NotAssisted, Quarantined, SpeakersFound, Timing, Utterance, Word

_LEAST_PART_MS: Final = 400
"""A shorter change of voice within an utterance is an error of times."""


class _Told:
    """An utterance, its words with the voices last found, and as what the engine knows it."""

    __slots__ = ("channel", "parts", "whole", "words")

    def __init__(self, event: Utterance) -> None:
        self.channel = event.channel.index
        self.words = event.words
        self.whole = Heard(event.utterance_id, event.channel.role, event.start_ms, event.end_ms, event.text)
        self.parts: tuple[Heard, ...] = ()


class WhoSpeaks:
    """See the module; of one call."""

    def __init__(self) -> None:
        self._roles: defaultdict[int, VoiceRoles] = defaultdict(lambda: VoiceRoles(load_role_rules()))
        self._told: OrderedDict[str, _Told] = OrderedDict()

    def inputs(
        self, event: Utterance | SpeakersFound | Quarantined | NotAssisted
    ) -> Iterator[tuple[Heard | Attributed, Timing | None]]:
        """What the engine is to be told because of an event, in order, and where the time of words went."""
        if not isinstance(event, (Utterance, SpeakersFound)):
            return
        if isinstance(event, Utterance):
            told = _Told(event)
            if event.channel.role is not ChannelRole.UNKNOWN:
                yield told.whole, event.timing
                return
            self._told[event.utterance_id] = told
            if len(self._told) > MOST_KEPT:
                self._told.popitem(last=False)
        elif event.utterance_id in self._told:
            told = self._told[event.utterance_id]
        else:
            return
        told.words = event.words
        roles = self._roles[event.channel.index]
        became_sure = roles.hear(event.utterance_id, _voices(told.words))
        if isinstance(event, Utterance):
            told.parts = _parts(told, roles)
            yield from ((part, event.timing) for part in told.parts)
        for other in list(self._told.values()) if became_sure else [told]:
            parts = _parts(other, roles) if other.channel == told.channel else other.parts
            if parts != other.parts:
                other.parts = parts
                yield Attributed(event.end_ms, other.whole.utterance_id, parts), None


def _voices(words: Sequence[Word]) -> list[tuple[str, str]]:
    runs = groupby(words, key=lambda word: word.speaker)
    return [
        (voice, "".join(word.text for word in run))
        for voice, run in runs
        if voice not in ("", UNKNOWN_SPEAKER)
    ]


def _parts(told: _Told, roles: VoiceRoles) -> tuple[Heard, ...]:
    """The utterance cut where its speaker changes between two people whose roles are known."""
    runs: list[tuple[ChannelRole, list[Word]]] = []
    for role, run in groupby(told.words, key=lambda word: roles.role_of(word.speaker)):
        words = list(run)
        short = words[-1].end_ms - words[0].start_ms < _LEAST_PART_MS
        if runs and (short or role in (runs[-1][0], ChannelRole.UNKNOWN)):
            runs[-1][1].extend(words)
        elif runs and runs[-1][0] is ChannelRole.UNKNOWN:
            runs[-1] = (role, [*runs[-1][1], *words])
        else:
            runs.append((role, words))
    whole = told.whole
    if len(runs) <= 1:
        role = runs[0][0] if runs else whole.speaker
        return (Heard(whole.utterance_id, role, whole.start_ms, whole.end_ms, whole.text),)
    texts = ["".join(word.text for word in words).strip() for _, words in runs]
    return tuple(
        Heard(whole.utterance_id, role, words[0].start_ms, words[-1].end_ms, text)
        for (role, words), text in zip(runs, texts, strict=True)
        if text
    )
