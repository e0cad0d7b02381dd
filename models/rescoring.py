"""Vocabulary words in the place of words that sound like them, when the model agrees.

Two pure halves. `Rescorer.candidates` finds spans of a hypothesis whose reading is close to a vocabulary
word's, or that are known to be written in its place, and gives each as an alternative text. The recogniser
scores the hypothesis and the alternatives on the same audio. `Rescorer.choose` decides, and keeps in `heard`
what the model wrote, so that nobody has to take the replacement on trust.

An alternative must reach the score of what was heard, less an allowance for the nearness of the sounds: two
spellings of one sound cannot be told apart by ear, only by knowing the word. Words of abuse get that
allowance only when the span was written in kana and sounds the same (どげざ → 土下座): an insult that the
model did not hear must not become evidence.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from koemori.models.readings import morae, units
from koemori.models.sound_search import HeardSounds, SoundIndex, SoundPlace
from koemori.models.types import Word
from koemori.models.vocabulary import Entry, EntryKind, Vocabulary

_FULL_LENGTH: Final = 5


@dataclass(frozen=True, slots=True)
class KindLimits:
    """How sure a replacement by a word of one kind must be.

    Attributes:
        most_distance: Largest distance of the readings, per mora of the entry, 0 to 1; words of five morae
            and more get all of it, a word of three half, because short words sound like too much.
        allowance: Log probability (nats, whole text) that an alternative of the same sound may lose; it
            shrinks to nothing at the largest distance.
        spelling_allowance: The same for each mora, when the span is kana that sounds exactly like the entry;
            half of it when the span begins or ends inside a word.
    """

    most_distance: float
    allowance: float
    spelling_allowance: float


def _limits() -> dict[EntryKind, KindLimits]:
    common = KindLimits(most_distance=0.25, allowance=4.0, spelling_allowance=5.0)
    abuse = KindLimits(most_distance=0.15, allowance=0.0, spelling_allowance=4.0)
    return dict.fromkeys(EntryKind, common) | {EntryKind.ABUSE: abuse}


@dataclass(frozen=True, slots=True)
class RescoringConfig:
    """Limits of the search and of the decision.

    Attributes:
        limits: Per kind.
        most_candidates: Alternatives per utterance; each costs the recogniser one pass of its decoder.
        least_morae: Shorter entries are taken only for kana that sound exactly like them.
        border_penalty: Added to the distance for each end of a span inside a word.
        known_distance: Distance of a span listed in `sounds_like`.
        sure_probability: A span whose words are all at least this probable is left alone, unless it is kana
            that sounds exactly like the entry.
        word_share: Share of the allowance for a span that is a word of the dictionary: what was heard makes
            sense (電話), unlike most of what a recogniser writes for a word it does not know (変金).
    """

    limits: Mapping[EntryKind, KindLimits] = field(default_factory=_limits)
    most_candidates: int = 4
    least_morae: int = 3
    border_penalty: float = 0.06
    known_distance: float = 0.1
    sure_probability: float = 0.8
    word_share: float = 0.25

    def most_distance(self, kind: EntryKind, length: int) -> float:
        """Largest distance, per mora, at which an entry of `length` morae is a candidate."""
        scale = min(1.0, max(0.0, (length - 1) / (_FULL_LENGTH - 1)))
        return self.limits[kind].most_distance * scale


@dataclass(frozen=True, slots=True)
class Candidate:
    """One alternative: characters `start` to `end` of the hypothesis become `entry.text`.

    Attributes:
        text: The whole alternative text.
        heard: The span as the model wrote it.
        distance: Of the readings, 0 is the same.
        spelling: The span is kana that sounds exactly like the entry: only the spelling changes.
        cut: Whether the span begins or ends inside a word.
        word: Whether the span is one whole word of the dictionary, written in kanji.
    """

    entry: Entry
    start: int
    end: int
    text: str
    heard: str
    distance: float
    spelling: bool = False
    cut: bool = False
    word: bool = False


@dataclass(frozen=True, slots=True)
class ScoredCandidate:
    """A candidate with what the recogniser thinks of it.

    Attributes:
        log_probability: Sum over the tokens of the whole alternative text (nats).
        probability: Mean probability of the entry's own tokens; becomes the word's.
    """

    candidate: Candidate
    log_probability: float
    probability: float


class Rescorer:
    """Finds and judges replacements; holds the vocabulary's sounds, keeps nothing between calls.

    Args:
        vocabulary: Entries whose readings are compared.
        config: Limits.
    """

    def __init__(self, vocabulary: Vocabulary, config: RescoringConfig | None = None) -> None:
        self._config = config or RescoringConfig()
        self._entries = vocabulary.entries
        sounds = [morae(entry.reading) for entry in self._entries]
        self._index = SoundIndex(
            sounds,
            [
                self._config.most_distance(entry.kind, len(sound))
                for entry, sound in zip(self._entries, sounds, strict=True)
            ],
        )
        self._known = tuple((heard, entry) for entry in self._entries for heard in entry.sounds_like)

    def candidates(self, text: str, words: Sequence[Word]) -> tuple[Candidate, ...]:
        """Alternatives of a hypothesis, the closest in sound first.

        Args:
            text: The hypothesis.
            words: Its words; their texts in a row are `text`.
        """
        if not self._entries or not text:
            return ()
        found: dict[tuple[int, int, str], Candidate] = {}
        taken = self._exact_places(text)
        for candidate in (*self._listed(text), *self._by_sound(text)):
            key = (candidate.start, candidate.end, candidate.entry.text)
            known = found.get(key)
            if known is not None and known.distance <= candidate.distance:
                continue
            if any(start < candidate.end and candidate.start < end for start, end in taken):
                continue
            if not candidate.spelling and self._is_sure(candidate, words):
                continue
            found[key] = candidate
        whole = [c for c in found.values() if not _is_part_of_another(c, found.values())]
        ranked = sorted(whole, key=lambda c: (not c.spelling, c.distance, c.start, -c.end))
        return tuple(ranked[: self._config.most_candidates])

    def choose(
        self, words: Sequence[Word], original: float, scored: Sequence[ScoredCandidate]
    ) -> tuple[Word, ...]:
        """The words with every accepted replacement in place; the same words when none is.

        Args:
            words: Of the hypothesis.
            original: Log probability of the hypothesis, measured as the candidates' was.
            scored: Candidates of these words; of overlapping ones the best wins.
        """
        judged = [(item.log_probability - original + self.allowance(item.candidate), item) for item in scored]
        accepted: list[ScoredCandidate] = []
        for gain, item in sorted(judged, key=_best_first):
            span = item.candidate
            free = all(
                other.candidate.end <= span.start or span.end <= other.candidate.start for other in accepted
            )
            if gain >= 0 and free:
                accepted.append(item)
        out = tuple(words)
        for item in sorted(accepted, key=lambda item: -item.candidate.start):
            out = _replaced(out, item)
        return out

    def allowance(self, candidate: Candidate) -> float:
        """How much log probability the candidate may lose against what was heard."""
        limits = self._config.limits[candidate.entry.kind]
        length = len(morae(candidate.entry.reading))
        if candidate.spelling:
            return limits.spelling_allowance * length * (0.5 if candidate.cut else 1.0)
        most = self._config.most_distance(candidate.entry.kind, length)
        nearness = max(0.0, 1.0 - candidate.distance / most) if most else 0.0
        return limits.allowance * nearness * (self._config.word_share if candidate.word else 1.0)

    def _exact_places(self, text: str) -> list[tuple[int, int]]:
        return [span for entry in self._entries for span in _spans(text, entry.text)]

    def _is_sure(self, candidate: Candidate, words: Sequence[Word]) -> bool:
        least, at = 1.0, 0
        for word in words:
            if at < candidate.end and candidate.start < at + len(word.text):
                least = min(least, word.probability)
            at += len(word.text)
        return least >= self._config.sure_probability

    def _listed(self, text: str) -> list[Candidate]:
        return [
            self._candidate(text, entry, span, self._config.known_distance)
            for heard, entry in self._known
            for span in _spans(text, heard)
        ]

    def _by_sound(self, text: str) -> list[Candidate]:
        heard = HeardSounds(units(text), text)
        out = []
        for place in self._index.places(heard):
            entry = self._entries[place.row]
            candidate = self._judged(text, entry, place, heard)
            most = self._config.most_distance(entry.kind, len(morae(entry.reading)))
            if candidate is not None and candidate.distance <= most:
                out.append(candidate)
        return out

    def _judged(self, text: str, entry: Entry, place: SoundPlace, heard: HeardSounds) -> Candidate | None:
        first, last = heard.unit_of[place.first], heard.unit_of[place.end - 1]
        start, end = first.start, last.end
        cuts = (not first.begins_word) + (not last.ends_word)
        kana = all(unit.kana for unit in heard.units if start <= unit.start and unit.end <= end)
        spelling = kana and place.distance == 0.0
        if len(morae(entry.reading)) < self._config.least_morae and (not spelling or cuts):
            return None
        if unicodedata.normalize("NFKC", text[start:end]) == entry.text:
            return None
        found = self._candidate(
            text, entry, (start, end), place.distance + self._config.border_penalty * cuts
        )
        word = place.end == place.first + len(first.morae) and cuts == 0 and not first.kana
        return replace(found, spelling=spelling, cut=cuts > 0, word=word)

    @staticmethod
    def _candidate(text: str, entry: Entry, span: tuple[int, int], distance: float) -> Candidate:
        start, end = span
        whole = text[:start] + entry.text + text[end:]
        return Candidate(entry, start, end, whole, text[start:end], round(distance, 4))


def _spans(text: str, part: str) -> Iterator[tuple[int, int]]:
    at = text.find(part)
    while at >= 0:
        yield at, at + len(part)
        at = text.find(part, at + 1)


def _best_first(judged: tuple[float, ScoredCandidate]) -> tuple[float, int, int, str]:
    gain, item = judged
    return -gain, item.candidate.start, -item.candidate.end, item.candidate.entry.text


def _is_part_of_another(candidate: Candidate, others: Collection[Candidate]) -> bool:
    """Whether a longer span sounds at least as much like its own entry: おの of おのでら."""
    return any(
        other.start <= candidate.start
        and candidate.end <= other.end
        and other.end - other.start > candidate.end - candidate.start
        and other.distance <= candidate.distance
        for other in others
    )


def _replaced(words: tuple[Word, ...], item: ScoredCandidate) -> tuple[Word, ...]:
    """One word takes the place of the span; words cut by its borders keep their rest, with its time."""
    start, end = item.candidate.start, item.candidate.end
    before: list[Word] = []
    after: list[Word] = []
    inside: list[Word] = []
    at = 0
    for word in words:
        left, right = max(start - at, 0), min(end - at, len(word.text))
        if left >= len(word.text):
            before.append(word)
        elif right <= 0:
            after.append(word)
        else:
            head, middle, tail = _cut(word, left, right)
            before += head
            inside.append(middle)
            after += tail
        at += len(word.text)
    if not inside:
        return words
    taken = Word(
        item.candidate.entry.text,
        inside[0].start_ms,
        inside[-1].end_ms,
        round(item.probability, 3),
        inside[0].speaker,
        item.candidate.heard,
    )
    return (*before, taken, *after)


def _cut(word: Word, left: int, right: int) -> tuple[list[Word], Word, list[Word]]:
    """The word before character `left`, between, and from `right` on."""
    length = word.end_ms - word.start_ms
    times = [word.start_ms + length * place // len(word.text) for place in (left, right)]
    head = replace(word, text=word.text[:left], end_ms=times[0], heard="")
    middle = replace(word, text=word.text[left:right], start_ms=times[0], end_ms=times[1], heard="")
    tail = replace(word, text=word.text[right:], start_ms=times[1], heard="")
    return [head] if head.text else [], middle, [tail] if tail.text else []
