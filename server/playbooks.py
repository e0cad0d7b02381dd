"""The playbook in each language, read once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koemori.assist.playbooks.schema import Playbook


class Playbooks:
    """Reads playbooks when they are first asked for; thread-safe.

    Args:
        directory: Added to the built-in playbook; None uses the built-in one alone.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._read: dict[str, Playbook] = {}
        self._lock = threading.Lock()

    def get(self, locale: str) -> Playbook:
        """The playbook in a language.

        Raises:
            PlaybookError: A file does not fit the schema.
        """
        from koemori.assist.playbooks.load import load_playbook

        with self._lock:
            if locale not in self._read:
                self._read[locale] = load_playbook(locale, self._directory)
            return self._read[locale]
