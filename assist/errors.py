"""The assist branch of the error tree.

AssistError
├── PlaybookError             a playbook file that does not fit the schema: file, line, what was expected
└── OpinionError              a file of the second opinion that does not fit: file, what was expected
"""

from __future__ import annotations

from koemori.audio.errors import KoemoriError


class AssistError(KoemoriError):
    """Something about detection, guidance or the case."""

    code = "assist"


class PlaybookError(AssistError):
    """A playbook file that does not fit its schema."""

    code = "playbook"

    def __init__(self, file: str, line: int | None, expected: str, came: str) -> None:
        place = file if line is None else f"{file}:{line}"
        super().__init__(f"{place}: expected {expected}; got {came}")
        self.file = file
        self.line = line
        self.expected = expected
        self.came = came


class OpinionError(AssistError):
    """A file of the second opinion's model that does not fit its card or this version."""

    code = "second-opinion"

    def __init__(self, file: str, expected: str, came: str) -> None:
        super().__init__(f"{file}: expected {expected}; got {came}")
        self.file = file
        self.expected = expected
        self.came = came
