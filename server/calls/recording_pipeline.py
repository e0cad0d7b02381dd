"""What calls share where nobody listens to them: journal and archive, and no model at all.

Hundreds of calls may end while hundreds go on, so recordings are sealed in a process of their own.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from koemori.server.calls.ports import CallPorts
from koemori.server.config import Settings
from koemori.server.playbooks import Playbooks
from koemori.server.telemetry import Metrics

if TYPE_CHECKING:
    from koemori.audio.call import CallStarted
    from koemori.audio.journal import Journal, JournalHead
    from koemori.server.archive.sealing import SealedRecording
    from koemori.server.archive.sealing_process import SealingProcess


@dataclass(frozen=True, slots=True)
class RecordingPipeline:
    """Open with `RecordingPipeline.open`, close with `aclose`."""

    journal: Journal
    playbooks: Playbooks
    ports: CallPorts
    sealer: SealingProcess

    @classmethod
    async def open(cls, settings: Settings, metrics: Metrics) -> RecordingPipeline:
        """Take the journal.

        Raises:
            PlaybookError: A playbook file does not fit; it is kept although nobody follows it.
            JournalError: Another process records into this archive, or the disk refuses.
        """
        from koemori.server.archive.sealing_process import SealingProcess
        from koemori.server.archive.store import LocalRecordingStore
        from koemori.server.calls.pipeline import open_journal

        playbooks = Playbooks(settings.assist.playbook_dir)
        await asyncio.to_thread(playbooks.get, settings.assist.locale)
        journal = open_journal(settings.archive.directory, metrics)
        store, sealer = LocalRecordingStore(settings.archive.directory), SealingProcess()

        def seal_recording(started: CallStarted, head: Future[JournalHead]) -> SealedRecording:
            head.result(0)
            return sealer.seal(journal.call(started.call_id), store)

        ports = CallPorts(
            journal.open_call, seal_recording, journal.release, _nobody, _nobody, assisted=False
        )
        return cls(journal, playbooks, ports, sealer)

    async def aclose(self) -> None:
        """Make the journal durable."""
        await asyncio.to_thread(self.sealer.close)
        await asyncio.to_thread(self.journal.close)


def _nobody(_: object) -> NoReturn:
    raise RuntimeError("assist side: expected none to be made for calls that are recorded only")
