"""The model branch of the error tree.

ModelError
├── ModelUnavailableError     weights that no source could supply
├── ModelDigestError          weights whose bytes are not the pinned ones
├── ModelFormatError          a folder that holds no whole CTranslate2 Whisper model
├── ModelStorageError         no room, or no right, to keep the weights
├── WorkerPoolClosedError     a request to a pool that is closing
├── WorkerPoolBusyError       a request to a pool that has no room for it
├── WorkerFailedError         a worker process that cannot be started or kept alive
├── DiarizationUnavailableError   no way to tell speakers apart on this machine
├── VocabularyError           a vocabulary file that does not fit
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


class ModelFormatError(ModelError):
    """A folder that is not a whole CTranslate2 Whisper model; the sentence says what it seems to be."""

    code = "model-format"

    def __init__(self, place: str, expected: str, came: str) -> None:
        super().__init__(f"{place}: expected {expected}; got {came}")
        self.place = place
        self.expected = expected
        self.came = came


class ModelStorageError(ModelError):
    """The weights cannot be kept where they belong: the disk is full or the folder cannot be written."""

    code = "model-storage"

    def __init__(self, directory: str, expected: str, came: str) -> None:
        super().__init__(f"model folder {directory}: expected {expected}; got {came}")
        self.directory = directory
        self.expected = expected
        self.came = came


class WorkerPoolClosedError(ModelError):
    """A request reached a worker pool that is closing or closed."""

    code = "worker-pool-closed"

    def __init__(self) -> None:
        super().__init__("worker pool: expected an open pool; it is closing")


class WorkerPoolBusyError(ModelError):
    """A worker pool has no room for a request; the asker goes on without, and says so."""

    code = "overload"

    def __init__(self, waiting: int) -> None:
        super().__init__(f"worker pool: expected room for a request; {waiting} are waiting")
        self.waiting = waiting


class TranscriptionError(ModelError):
    """The model failed on one window; the utterance is lost to assistance, never to the recording."""

    code = "transcription"


class WorkerFailedError(ModelError):
    """A worker process could not be started, or dies on everything it is given."""

    code = "worker-failed"

    def __init__(self, expected: str, came: str) -> None:
        super().__init__(f"worker: expected {expected}; got {came}")


class DiarizationUnavailableError(ModelError):
    """Speakers cannot be told apart here; texts then say `unknown`, nobody is invented."""

    code = "diarization-unavailable"

    def __init__(self, missing: str) -> None:
        super().__init__(f"diarization: expected {missing}; it is not there")
        self.missing = missing


class VocabularyError(ModelError):
    """A vocabulary file that does not fit; the sentence names place and expectation."""

    code = "vocabulary"

    def __init__(self, place: str, expected: str, came: str) -> None:
        super().__init__(f"{place}: expected {expected}; got {came}")
