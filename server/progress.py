"""Progress of long steps on stderr: a line that renews itself on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import sys
from typing import TextIO


class ProgressLine:
    """Called as the catalogue's `Progress`: what is happening, how much is done, of how much (0: unknown)."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._said = ""
        self._open = False

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show how far the step is."""
        percent = 100 * done // total if total else 0
        text = f"{what} {percent}%" if total else what
        shown = text if self._terminal else f"{what} {percent // 25 * 25}%" if total else what
        if shown == self._said:
            return
        self._said = shown
        if self._terminal:
            self._stream.write(f"\r\x1b[2K{shown}")
            self._open = True
        else:
            self._stream.write(f"{shown}\n")
        self._stream.flush()

    def end(self) -> None:
        """Leave the terminal's line clean for what follows."""
        if self._open:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()
            self._open = False
