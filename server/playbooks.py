"""The playbook in force, and how another one comes into force while calls go on.

A call keeps the playbook it began with; the next call begins with the one in force then. Files that changed
are checked first (they fit, and every rule finds its own examples); where they do not, the playbook before
stays in force and says so. Whatever comes into force is kept in the database beforehand, so that an alert can
be traced to the words of its rule.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from koemori.audio.errors import KoemoriError

if TYPE_CHECKING:
    from koemori.assist.playbooks.check import Checked, Note
    from koemori.assist.playbooks.schema import Playbook

logger = logging.getLogger(__name__)

Keeper = Callable[["Playbook"], None]
"""Keeps a playbook for later; idempotent, blocking."""
_JAPANESE = "ja"
AFTER_FAILURE_S = 60.0
"""Until files that could be neither taken nor refused are looked at again."""
_Signature = tuple[tuple[str, int, int], ...]


class PlaybookRefusedError(KoemoriError):
    """The files that lie there now do not come into force; the playbook before does its work."""

    code = "playbook-refused"

    def __init__(self, in_force: str, problems: tuple[Note, ...]) -> None:
        more = "" if len(problems) == 1 else f" (and {len(problems) - 1} more)"
        super().__init__(f"{problems[0]}{more}; playbook {in_force} stays in force")
        self.in_force = in_force
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Reload:
    """What a reload did."""

    version: str
    previous_version: str
    warnings: tuple[Note, ...]

    @property
    def changed(self) -> bool:
        """Whether another playbook is in force now."""
        return self.version != self.previous_version


class Playbooks:
    """The playbook in force in each language; thread-safe.

    Args:
        directory: A playbook to use instead of the built-in one.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._in_force: Mapping[str, Playbook] = {}
        self._problems: tuple[Note, ...] = ()
        self._keeper: Keeper | None = None
        self._lock = threading.RLock()

    def get(self, locale: str) -> Playbook:
        """The playbook in force, in a language if it has words in it, else in Japanese.

        Raises:
            PlaybookError: Nothing is in force yet and a file does not fit the schema.
        """
        if not self._in_force:
            self._open()
        found = self._in_force
        return found.get(locale, found[_JAPANESE])

    @property
    def version(self) -> str | None:
        """Of the playbook in force; None while nothing was asked for."""
        found = self._in_force.get(_JAPANESE)
        return None if found is None else found.version

    @property
    def problems(self) -> tuple[Note, ...]:
        """Why the files that lie there now are not in force, or should not be; empty when all is well."""
        return self._problems

    def keep_with(self, keeper: Keeper) -> None:
        """Have every playbook that comes into force kept, the present one at once."""
        with self._lock:
            self._keeper = keeper
            if self._in_force:
                keeper(self._in_force[_JAPANESE])

    def reload(self) -> Reload:
        """Check the files that lie there now and bring them into force.

        Raises:
            PlaybookRefusedError: They are not fit to; nothing has changed.
        """
        from koemori.assist.playbooks.check import check_playbook

        with self._lock:
            before = self.get(_JAPANESE).version
            checked = check_playbook(self._root())
            if checked.problems:
                self._problems = checked.problems
                logger.error(
                    "playbook refused",
                    extra={"in_force": before, "problems": [note.summary for note in checked.problems]},
                )
                raise PlaybookRefusedError(before, checked.problems)
            if checked.playbook.version != before:
                self._put_in_force(checked.playbooks)
            self._problems = ()
            return Reload(checked.playbook.version, before, checked.warnings)

    async def watch(self, poll_s: float) -> None:
        """Reload whenever a file changed, until cancelled. A folder being written to is left to settle."""
        in_force = seen = await asyncio.to_thread(self._signature)
        await asyncio.to_thread(self._guarded, self._look_closely)
        while True:
            await asyncio.sleep(poll_s)
            now = await asyncio.to_thread(self._signature)
            if now == seen and now != in_force:
                if await asyncio.to_thread(self._guarded, self.reload):
                    in_force = now
                else:
                    await asyncio.sleep(AFTER_FAILURE_S)
            seen = now

    def _open(self) -> None:
        from koemori.assist.playbooks.files import PlaybookFiles
        from koemori.assist.playbooks.load import load_locales

        with self._lock:
            if not self._in_force:
                self._put_in_force(load_locales(PlaybookFiles.read(self._root())))

    def _put_in_force(self, playbooks: Mapping[str, Playbook]) -> None:
        if self._keeper is not None:
            self._keeper(playbooks[_JAPANESE])
        self._in_force = dict(playbooks)
        logger.info("playbook in force", extra={"version": playbooks[_JAPANESE].version})

    def _look_closely(self) -> None:
        """Run the examples of what a start put in force; without them it works all the same, and says so."""
        from koemori.assist.playbooks.check import check_playbook

        checked: Checked = check_playbook(self._root())
        with self._lock:
            if checked.playbook.version != self.version:
                self.reload()  # a file changed while the service started
            elif checked.problems:
                self._problems = checked.problems
                logger.error(
                    "playbook in force has problems",
                    extra={"in_force": self.version, "problems": [note.summary for note in checked.problems]},
                )

    def _guarded(self, look: Callable[[], object]) -> bool:
        """Whether a look at the files came to its end; in either case the watch goes on."""
        try:
            look()
        except PlaybookRefusedError:
            return True  # logged, and shown by health
        except Exception as error:
            logger.error("playbook reload failed", extra={"error": type(error).__name__})
            return False
        return True

    def _root(self) -> Path:
        from koemori.assist.playbooks.load import BUILT_IN

        return self._directory or BUILT_IN

    def _signature(self) -> _Signature:
        """What changes when a file does, without reading any."""
        found = []
        # os.walk, unlike rglob, passes over a folder that goes away while it looks.
        for folder, _, names in os.walk(self._root()):
            for file in (Path(folder, name) for name in names if name.endswith(".toml")):
                try:
                    state = file.stat()
                except OSError:
                    continue  # gone since it was listed
                found.append((str(file), state.st_mtime_ns, state.st_size))
        return tuple(sorted(found))
