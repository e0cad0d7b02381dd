"""Japanese text as the detectors see it: folded surface, tokens, and the reading of the whole utterance.

Speech recognition writes one sound in many ways (土下座, どげ座, どげざ), so every utterance is offered in
two strings: the folded surface and the phonetic reading. Both map back to the original text, so that a
quote is always the exact words of the utterance.

Pure apart from the dictionary, which is loaded when it is first needed.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache

from koemori.models.dictionary import tokenizer

_VOWEL_ROWS = {
    "あ": "あかさたなはまやらわがざだばぱぁゃ",
    "い": "いきしちにひみりぎじぢびぴぃ",
    "う": "うくすつぬふむゆるぐずづぶぷぅゅゔ",
    "え": "えけせてねへめれげぜでべぺぇ",
    "お": "おこそとのほもよろをごぞどぼぽぉょ",
}
_VOWEL_OF = {kana: vowel for vowel, row in _VOWEL_ROWS.items() for kana in row}
_LONG_MARKS = frozenset("ー〜~―")
_SMALL_VOWELS = {"ぁ": "あ", "ぃ": "い", "ぅ": "う", "ぇ": "え", "ぉ": "お"}
_SAME_SOUND = {"を": "お", "ぢ": "じ", "づ": "ず", "ゔ": "ぶ"}
_FILLERS = (
    "えーっと", "えーと", "えっとー", "えっと", "ええと", "あのー", "あのう", "うーんと", "うーん",
    "そのー", "えー", "まあ", "なんか", "あの", "その", "まぁ",
)  # fmt: skip
_MAX_RUN = 3
_SENTENCE_PARTICLES = frozenset("よねなぞぜやわのかけどがさあえんだでっと")


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the utterance; `start` and `end` are offsets in `Analysis.surface`."""

    surface: str
    dictionary_form: str
    normalized_form: str
    reading: str
    """Phonetic hiragana (see `phonetic`)."""
    part_of_speech: str
    start: int
    end: int


@dataclass(frozen=True)
class Analysis:
    """One utterance, folded and read.

    Attributes:
        text: The original, untouched.
        surface: Katakana as hiragana, long marks as vowels, no spaces and no punctuation.
        origin: For each character of `surface`, its offset in `text`.
        breaks: Offsets in `surface` at which a space or punctuation stood.
        tokens: Words, oldest first.
        reading: Phonetic hiragana of the whole utterance.
        reading_starts: For each character of `reading`, the surface offset that begins there, or -1 inside
        a kanji. reading_ends: For each character of `reading`, the surface offset that ends after it, or
        -1.
    """

    text: str
    surface: str
    origin: tuple[int, ...]
    breaks: frozenset[int]
    tokens: tuple[Token, ...]
    reading: str
    reading_starts: tuple[int, ...]
    reading_ends: tuple[int, ...]

    @cached_property
    def token_starts(self) -> frozenset[int]:
        """Surface offsets at which a word begins."""
        return frozenset(token.start for token in self.tokens)

    @cached_property
    def token_ends(self) -> frozenset[int]:
        """Surface offsets at which a word ends."""
        return frozenset(token.end for token in self.tokens)

    @cached_property
    def soft_ends(self) -> frozenset[int]:
        """Offsets after which only sentence-final particles come before the next break or the end."""
        ends = set(self.breaks) | {len(self.surface)}
        for stop in tuple(ends):
            position = stop
            while position > 0 and stop - position < 4 and self.surface[position - 1] in _SENTENCE_PARTICLES:
                position -= 1
                ends.add(position)
        return frozenset(ends)

    def quote(self, start: int, end: int) -> str:
        """The exact words of the original between two surface offsets."""
        if start >= end:
            return ""
        return self.text[self.origin[start] : self.origin[end - 1] + 1].strip()


def to_hiragana(text: str) -> str:
    """Katakana as hiragana; everything else as it is."""
    return "".join(chr(ord(c) - 0x60) if "ァ" <= c <= "ヶ" else c for c in text)


def fold(text: str) -> str:
    """Spelling-independent form of NFKC text, character by character (same length).

    Long marks become the vowel they lengthen and small vowels that only lengthen become large:
    「ばかぁ」「ばかー」「バカア」 are one.
    """
    out: list[str] = []
    for char in to_hiragana(text.lower()):
        vowel = _VOWEL_OF.get(out[-1]) if out else None
        lengthens = char in _LONG_MARKS or (char in _SMALL_VOWELS and vowel == _SMALL_VOWELS[char])
        out.append(vowel if lengthens and vowel is not None else char)
    return "".join(out)


def phonetic(reading: str) -> str:
    """A reading as it sounds: おう→おお, えい→ええ, を→お, づ→ず; same length."""
    out: list[str] = []
    for char in fold(reading):
        before = _VOWEL_OF.get(out[-1]) if out else None
        if (char == "う" and before == "お") or (char == "い" and before == "え"):
            out.append("お" if char == "う" else "え")
        else:
            out.append(_SAME_SOUND.get(char, char))
    return "".join(out)


@lru_cache(maxsize=8192)
def _folded_word(word: str) -> str:
    """`fold` of one word of the dictionary: the same few thousand come again and again."""
    return fold(word)


@lru_cache(maxsize=8192)
def _sound(reading: str) -> str:
    return phonetic(reading)


def is_kana(text: str) -> bool:
    """Whether folded text is all hiragana."""
    return all("ぁ" <= c <= "ゖ" or c == "ー" for c in text)


@lru_cache(maxsize=4096)
def analyze(text: str) -> Analysis:
    """Fold, split and read one utterance. Results are cached."""
    return _analyze(text, tuple(range(len(text))), text)


@lru_cache(maxsize=4096)
def views(text: str) -> tuple[Analysis, ...]:
    """The utterance as it is and, when it holds fillers, once more without them.

    Recognisers and hesitant speakers put 「まあ」「えーと」 in the middle of words; both forms must be
    searched.
    """
    plain = analyze(text)
    kept = _without_fillers(text)
    if len(kept) == len(text) or not kept:
        return (plain,)
    return (plain, _analyze("".join(text[i] for i in kept), kept, text))


def _without_fillers(text: str) -> tuple[int, ...]:
    kept: list[int] = []
    position = 0
    while position < len(text):
        filler = next((f for f in _FILLERS if text.startswith(f, position)), None)
        if filler is None:
            kept.append(position)
            position += 1
        else:
            position += len(filler)
    return tuple(kept)


def _analyze(spoken: str, positions: tuple[int, ...], text: str) -> Analysis:
    normal, sources = _normalize(spoken)
    surface: list[str] = []
    origin: list[int] = []
    offset_of: list[int] = []
    breaks: set[int] = set()
    for char, source in zip(normal, sources, strict=True):
        offset_of.append(len(surface))
        if _is_word_character(char):
            surface.append(char)
            origin.append(positions[source])
        elif surface:
            breaks.add(len(surface))
    offset_of.append(len(surface))
    folded = fold("".join(surface))
    tokens = _tokenize(normal, offset_of, folded)
    reading, starts, ends = _read(tokens, folded)
    return Analysis(text, folded, tuple(origin), frozenset(breaks), tokens, reading, starts, ends)


def _normalize(text: str) -> tuple[str, list[int]]:
    """NFKC with the source offset of every character; runs of one character longer than three are cut."""
    out: list[str] = []
    sources: list[int] = []
    position = 0
    while position < len(text):
        width = 2 if position + 1 < len(text) and text[position + 1] in "\uff9e\uff9f\u3099\u309a" else 1
        for char in unicodedata.normalize("NFKC", text[position : position + width]):
            if out[-_MAX_RUN:] == [char] * _MAX_RUN and not char.isdigit():
                continue
            out.append(char)
            sources.append(position)
        position += width
    return "".join(out), sources


def _is_word_character(char: str) -> bool:
    return char in _LONG_MARKS or char == "々" or unicodedata.category(char)[0] in "LN"


def _tokenize(normal: str, offset_of: list[int], folded: str) -> tuple[Token, ...]:
    tokens: list[Token] = []
    for morpheme in tokenizer().tokenize(normal):
        start, end = offset_of[morpheme.begin()], offset_of[morpheme.end()]
        if start == end:
            continue
        surface = folded[start:end]
        read = surface if is_kana(surface) else _folded_word(morpheme.reading_form()) or surface
        tokens.append(
            Token(
                surface,
                _folded_word(morpheme.dictionary_form()),
                _folded_word(morpheme.normalized_form()),
                read,
                morpheme.part_of_speech()[0],
                start,
                end,
            )
        )
    return tuple(tokens)


def _read(tokens: tuple[Token, ...], folded: str) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    raw: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for token in tokens:
        token_starts, token_ends = _align(folded[token.start : token.end], token.reading, token.start)
        raw.append("を" if token.surface == "を" else _sound(token.reading))
        starts.extend(token_starts)
        ends.extend(token_ends)
    return "".join(raw), tuple(starts), tuple(ends)


def _align(surface: str, reading: str, offset: int) -> tuple[list[int], list[int]]:
    """Map each character of a token's reading to the surface: kana one to one, a kanji run as one block."""
    head = 0
    while head < min(len(surface), len(reading)) and surface[head] == reading[head]:
        head += 1
    tail = 0
    while tail < min(len(surface), len(reading)) - head and surface[-1 - tail] == reading[-1 - tail]:
        tail += 1
    block = len(reading) - head - tail
    starts = [offset + i for i in range(head)]
    ends = [offset + i + 1 for i in range(head)]
    if block:
        starts += [offset + head] + [-1] * (block - 1)
        ends += [-1] * (block - 1) + [offset + len(surface) - tail]
    first = offset + len(surface) - tail
    starts += [first + i for i in range(tail)]
    ends += [first + i + 1 for i in range(tail)]
    return starts, ends


def morphemes(text: str) -> list[tuple[str, str, tuple[str, ...], int, int]]:
    """The words of `text` unfolded: surface, normalized form, part of speech (four levels), start, end."""
    return [
        (item.surface(), item.normalized_form(), tuple(item.part_of_speech()[:4]), item.begin(), item.end())
        for item in tokenizer().tokenize(text)
    ]
