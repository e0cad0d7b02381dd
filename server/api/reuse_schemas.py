"""What the API takes and gives where a recording is reused."""

from __future__ import annotations

from typing import Literal

from koemori.audio.call import ChannelRole
from koemori.server.api.schemas import Line
from pydantic import BaseModel, ConfigDict, Field


class ReuseRequest(BaseModel):
    """What a call is reused for."""

    model_config = ConfigDict(extra="forbid")

    purpose: Line


class RedactedUtterance(BaseModel):
    """Words without personal data; `[氏名]` and the like stand where it was."""

    utterance: int = Field(description="Number in the call, from 1.")
    speaker: ChannelRole
    start_ms: int
    end_ms: int
    text: str


class RedactorFigures(BaseModel):
    """What removed personal data, and the share it found when it was measured."""

    version: str
    measured_recall: dict[str, float]
    measured_on: dict[str, int] = Field(description="Labelled spans behind each share; few.")
    corpus_sha256: str


class ReuseNote(BaseModel):
    """What was removed; never evidence."""

    evidence: Literal[False] = False
    says: dict[str, str]
    access_id: str
    redactor: RedactorFigures
    utterances: int
    removed_from_text: dict[str, int]


class ReuseGrant(BaseModel):
    """A call's redacted words, and where its redacted sound is, for this person, for some hours."""

    access_id: str
    audio_url: str
    transcript: list[RedactedUtterance]
    note: ReuseNote
