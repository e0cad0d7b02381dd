"""A call for reuse: its words and sound without personal data, and a note of what was removed.

For training, analysis and the like (guideline for consumer consultation, article on business use of records).
What comes out is no evidence and names neither call nor recording; the custody entry it carries leads back to
them for whoever may read custody. The redactor misses some: the note says how many were missed when it was
measured, and that a person has to look before anything leaves the house.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from koemori.assist.redaction import (
    MARGIN_MS,
    REDACTOR_VERSION,
    AudioSpan,
    Redactor,
    Said,
    Span,
    audible_spans,
    masked,
    measured,
    unheard_spans,
)
from koemori.assist.types import Heard
from koemori.audio.call import ChannelRole
from koemori.server.archive.redacted import Rendition, write_redacted
from koemori.server.db.engine import Database
from koemori.server.db.repositories import calls
from koemori.server.db.repositories.recordings import RecordingView
from koemori.server.db.tables import CaseRow
from koemori.server.wire import UtteranceEvent

TRANSCRIPT_NAME: Final = "transcript.jsonl"
AUDIO_NAME: Final = "audio.flac"
NOTE_NAME: Final = "note.json"
_SCHEMA: Final = "koemori.reuse-note"
_NAME_FIELDS: Final = ("customer_name",)
_NUMBER_FIELDS: Final = ("phone", "order_or_contract_number")
_WARNING: Final = {
    "ja": "個人情報を自動で取り除いた複製です。証拠ではありません。"
    "取り残しがあり得るため、利用の前に人が確認してください。",
    "en": "A copy from which a program removed personal data. It is not evidence. Some may be left: have a"
    " person look before it is used.",
}


@dataclass(frozen=True, slots=True)
class ReusableCall:
    """A call's words with what is personal in them, and where that is heard.

    Attributes:
        utterances: In the order of the call.
        spans: Personal data by utterance id.
        audio: What must not be heard, stretches without recognised words included.
    """

    utterances: Sequence[UtteranceEvent]
    spans: Mapping[str, Sequence[Span]]
    audio: Sequence[AudioSpan]

    def transcript(self) -> Iterator[dict[str, Any]]:
        """The redacted words, an utterance each."""
        for number, one in enumerate(self.utterances, 1):
            yield {
                "utterance": number,
                "speaker": one.speaker.value,
                "start_ms": one.start_ms,
                "end_ms": one.end_ms,
                "text": masked(one.text, self.spans[one.utterance_id]),
            }

    def removed(self) -> dict[str, int]:
        """How many spans of text were removed, by kind."""
        return dict(Counter(span.kind.value for spans in self.spans.values() for span in spans))


def reusable_call(database: Database, view: RecordingView) -> ReusableCall:
    """Read a call that has a recording and find what is personal in it."""
    call = view.call
    with database.read() as transaction:
        rows = calls.events_of_types(transaction, call.call_id, ("utterance",))
        case = transaction.get(CaseRow, call.call_id)
    utterances = [UtteranceEvent.model_validate(row.body) for row in rows]
    channels = [one["role"] for one in call.channels]
    return without_personal_data(utterances, channels, view.recording.duration_ms, *known_persons(view, case))


def without_personal_data(
    utterances: Iterable[UtteranceEvent],
    channels: Sequence[str],
    duration_ms: int,
    names: Iterable[str] = (),
    numbers: Iterable[str] = (),
    margin_ms: int = MARGIN_MS,
) -> ReusableCall:
    """Find what is personal in a call's words, and where it is heard. Pure.

    Args:
        utterances: Every final text of the call.
        channels: Role of each channel of the recording, in its order.
        duration_ms: Of the recording.
        names: Of the customer and the agent, as far as they are known.
        numbers: Of the customer, as far as they are known.
        margin_ms: By which a stretch of sound is widened on both sides.
    """
    spoken = sorted(utterances, key=lambda one: (one.start_ms, one.end_ms))
    redactor = Redactor(names, numbers)
    for one in spoken:
        redactor.push(Heard(one.utterance_id, one.speaker, one.start_ms, one.end_ms, one.text))
    spans = redactor.spans()
    said = [part for one in spoken for part in _said(one, channels)]
    personal = audible_spans(said, spans, margin_ms)
    silent = unheard_spans(said, personal, len(channels), duration_ms)
    return ReusableCall(spoken, spans, [*personal, *silent])


def known_persons(view: RecordingView, case: CaseRow | None) -> tuple[list[str], list[str]]:
    """Names and numbers that the phone system, the case and the accounts tell."""
    fields: dict[str, Any] = {} if case is None else case.body.get("fields", {})
    names = [fields[name]["value"] for name in _NAME_FIELDS if name in fields]
    numbers = [fields[name]["value"] for name in _NUMBER_FIELDS if name in fields]
    names += [name for name in (view.call.customer_name, view.agent_name) if name]
    numbers += [view.call.customer_number] if view.call.customer_number else []
    return names, numbers


def write_audio(call: ReusableCall, master: Path, out: Path) -> Rendition:
    """Write the call's redacted sound.

    Raises:
        RenditionError: The master is damaged or the disk failed.
    """
    return write_redacted(master, out, call.audio)


def note(call: ReusableCall, rendition: Rendition | None, access_id: str) -> dict[str, Any]:
    """What was removed, by what, and how well that works; no personal data."""
    figures = measured()
    audio = None
    if rendition is not None:
        audio = {
            "duration_ms": rendition.sample_count * 1000 // rendition.sample_rate_hz,
            "channels": rendition.channels,
            "pcm_sha256": rendition.pcm_sha256,
            "replaced_ms": dict(sorted(rendition.replaced_ms.items())),
            "margin_ms": MARGIN_MS,
        }
    return {
        "schema": _SCHEMA,
        "schema_version": 1,
        "evidence": False,
        "says": _WARNING,
        "access_id": access_id,
        "redactor": {
            "version": REDACTOR_VERSION,
            "measured_recall": dict(figures.recall),
            "measured_on": dict(figures.labelled),
            "corpus_sha256": figures.corpus_sha256,
        },
        "utterances": len(call.utterances),
        "removed_from_text": dict(sorted(call.removed().items())),
        "audio": audio,
    }


def write_files(call: ReusableCall, master: Path, directory: Path, access_id: str) -> dict[str, Any]:
    """Write transcript, sound and note into an empty directory; return the note.

    Raises:
        RenditionError: The master is damaged or the disk failed.
    """
    with (directory / TRANSCRIPT_NAME).open("w", encoding="utf-8") as lines:
        for line in call.transcript():
            lines.write(json.dumps(line, ensure_ascii=False) + "\n")
    rendition = write_audio(call, master, directory / AUDIO_NAME)
    written = note(call, rendition, access_id)
    text = json.dumps(written, ensure_ascii=False, indent=1)
    (directory / NOTE_NAME).write_text(text + "\n", encoding="utf-8")
    return written


def _said(one: UtteranceEvent, channels: Sequence[str]) -> Iterator[Said]:
    for channel in _channels_of(one.speaker, channels):
        yield Said(one.utterance_id, channel, one.start_ms, one.end_ms, one.text, one.words)


def _channels_of(speaker: ChannelRole, channels: Sequence[str]) -> Sequence[int]:
    """The recording's channels on which a speaker can be: all of them where roles do not tell."""
    return [place for place, one in enumerate(channels) if one == speaker] or range(len(channels))
