"""Where personal data is heard: text spans and word times become stretches of a channel's audio.

A recogniser's word times come from attention weights and are uncertain, so each stretch is widened by
`MARGIN_MS` on both sides; `benchmarks.redaction_audio` measures what is left with it. Where times are missing
or do not fit the text, the whole utterance is taken. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from koemori.assist.redaction.spans import DIGITS, PersonalData, Span

MARGIN_MS: Final = 200
"""Added before and after; of the same order as the error of Whisper's word times."""
UNHEARD: Final = "unheard"
"""Kind of a stretch in which nothing was recognised: nobody knows what is said there."""
_JOINED_MS: Final = 1_500
_EDGE_CHARACTERS: Final = 2
_SILENT_MS: Final = 1_200
_AROUND_MS: Final = 300


class TimedWord(Protocol):
    """A word with its media time, as the recogniser and the wire have it."""

    @property
    def text(self) -> str:
        """As written."""
        ...

    @property
    def start_ms(self) -> int:
        """Media time."""
        ...

    @property
    def end_ms(self) -> int:
        """Media time."""
        ...


@dataclass(frozen=True, slots=True)
class Said:
    """An utterance with what is needed to find its parts in the audio; `words` may be empty."""

    utterance_id: str
    channel: int
    start_ms: int
    end_ms: int
    text: str
    words: Sequence[TimedWord] = ()


@dataclass(frozen=True, slots=True)
class AudioSpan:
    """A stretch of one channel; `kind` is a `PersonalData` or `UNHEARD`."""

    channel: int
    start_ms: int
    end_ms: int
    kind: str


def audible_spans(
    said: Sequence[Said], spans: Mapping[str, Sequence[Span]], margin_ms: int = MARGIN_MS
) -> list[AudioSpan]:
    """Where the spans are heard.

    Args:
        said: Utterances of a call, all channels.
        spans: Personal data by utterance id, as `Redactor.spans` gives it.
        margin_ms: Added before and after each stretch.

    Returns:
        Stretches in order of channel and time, apart within a channel. Between two groups of one number
        nothing is left either: recognisers drop single digits.
    """
    found = [
        _stretch(one, span, margin_ms)
        for one in said
        for span in spans.get(one.utterance_id, ())
        if span.length
    ]
    return _joined(found)


def unheard_spans(
    said: Sequence[Said], taken: Sequence[AudioSpan], channels: int, duration_ms: int
) -> list[AudioSpan]:
    """Stretches in which no word was recognised: what they hold is not known to be free of personal data.

    Args:
        said: Utterances of a call.
        taken: What is removed already.
        channels: How many the recording has.
        duration_ms: Of the recording.
    """
    out = []
    for channel in range(channels):
        heard = [window for one in said if one.channel == channel for window in _windows(one)]
        heard += [(span.start_ms, span.end_ms) for span in taken if span.channel == channel]
        position = 0
        for start_ms, end_ms in sorted(heard):
            if start_ms > position:
                out.append(AudioSpan(channel, position, min(start_ms, duration_ms), UNHEARD))
            position = max(position, end_ms)
        if position < duration_ms:
            out.append(AudioSpan(channel, position, duration_ms, UNHEARD))
    return [span for span in out if span.end_ms > span.start_ms]


def _stretch(said: Said, span: Span, margin_ms: int) -> AudioSpan:
    places = _places(said)
    hit = [word for word, start, end in places if start < span.end and end > span.start]
    if not hit:
        return AudioSpan(said.channel, _from(said.start_ms, margin_ms), said.end_ms + margin_ms, span.kind)
    start_ms = min(word.start_ms for word in hit)
    end_ms = max(word.end_ms for word in hit)
    if span.kind in DIGITS:
        # What was dropped at the edge of an utterance is most likely part of the number.
        if span.start <= _EDGE_CHARACTERS:
            start_ms = min(start_ms, said.start_ms)
        if len(said.text) - span.end <= _EDGE_CHARACTERS:
            end_ms = max(end_ms, said.end_ms)
    return AudioSpan(said.channel, _from(start_ms, margin_ms), end_ms + margin_ms, span.kind)


def _places(said: Said) -> list[tuple[TimedWord, int, int]]:
    """Each word with its offsets in the text; nothing when words and text do not fit."""
    found = []
    position = 0
    for word in said.words:
        text = word.text.strip()
        start = said.text.find(text, position)
        if start < 0 or said.text[position:start].strip() or word.end_ms < word.start_ms:
            return []
        position = start + len(text)
        found.append((word, start, position))
    return [] if said.text[position:].strip() else found


def _windows(said: Said) -> list[tuple[int, int]]:
    """The stretches of an utterance in which words follow each other."""
    places = _places(said)
    if not places:
        return [(_from(said.start_ms, _AROUND_MS), said.end_ms + _AROUND_MS)]
    windows: list[tuple[int, int]] = []
    for word, _, _ in places:
        if windows and word.start_ms - windows[-1][1] <= _SILENT_MS:
            windows[-1] = (windows[-1][0], max(windows[-1][1], word.end_ms))
        else:
            windows.append((word.start_ms, word.end_ms))
    return [(_from(start_ms, _AROUND_MS), end_ms + _AROUND_MS) for start_ms, end_ms in windows]


def _joined(found: Sequence[AudioSpan]) -> list[AudioSpan]:
    out: list[AudioSpan] = []
    for span in sorted(found, key=lambda span: (span.channel, span.start_ms, span.end_ms)):
        last = out[-1] if out else None
        if last is None or last.channel != span.channel or span.start_ms - last.end_ms > _gap(last, span):
            out.append(span)
            continue
        longer = max(last, span, key=lambda one: one.end_ms - one.start_ms)
        out[-1] = AudioSpan(span.channel, last.start_ms, max(last.end_ms, span.end_ms), longer.kind)
    return out


def _gap(last: AudioSpan, span: AudioSpan) -> int:
    digits = {PersonalData(last.kind), PersonalData(span.kind)} <= DIGITS
    return _JOINED_MS if digits else 0


def _from(start_ms: int, margin_ms: int) -> int:
    return max(0, start_ms - margin_ms)
