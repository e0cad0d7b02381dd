"""Exit codes of the public contract, and the error that ends a command for unusable input."""

from __future__ import annotations

from typing import Final

from koemori.audio.errors import KoemoriError

OK: Final = 0
FAILED: Final = 1
UNUSABLE: Final = 2
PARTLY_PROVEN: Final = 3
INTERRUPTED: Final = 130


class UnusableInputError(KoemoriError):
    """Input or options that a command cannot use: exit code 2 and one line."""

    code = "unusable-input"

    def __init__(self, what: str, expected: str, came: str) -> None:
        super().__init__(f"{what}: expected {expected}; got {came}")
        self.expected = expected
        self.came = came
