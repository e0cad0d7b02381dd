"""The model branch of the error tree.

ModelError
├── ModelUnavailableError     weights that no source could supply
├── ModelDigestError          weights whose bytes are not the pinned ones
└── TranscriptionError        a window that the model failed on
"""

from __future__ import annotations

from koemori.audio.errors import KoemoriError


class ModelError(KoemoriError):
    """Something about a speech model."""

    code = "model"


class ModelUnavailableError(ModelError):
    """No source had the weights; `tried` lists each source and why it failed."""

    code = "model-unavailable"

    def __init__(self, name: str, tried: tuple[str, ...]) -> None:
        super().__init__(
            f"model {name}: expected its weights from one of the sources; tried {'; '.join(tried)}"
        )
        self.name = name
        self.tried = tried


class ModelDigestError(ModelError):
    """A file's bytes are not the pinned ones; it is refused."""

    code = "model-digest"

    def __init__(self, file: str, expected: str, came: str) -> None:
        super().__init__(f"{file}: expected sha256 {expected}; got {came}")
        self.file = file
        self.expected = expected
        self.came = came


class TranscriptionError(ModelError):
    """The model failed on one window; the utterance is lost to assistance, never to the recording."""

    code = "transcription"
