"""What calls share where nobody listens to them: journal and archive, and no model at all."""

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


@dataclass(frozen=True, slots=True)
class RecordingPipeline:
    """Open with `RecordingPipeline.open`, close with `aclose`."""

    journal: Journal
    playbooks: Playbooks
    ports: CallPorts

    @classmethod
    async def open(cls, settings: Settings, metrics: Metrics) -> RecordingPipeline:
        """Take the journal.

        Raises:
            PlaybookError: A playbook file does not fit; it is kept although nobody follows it.
            JournalError: Another process records into this archive, or the disk refuses.
        """
        from koemori.server.archive.sealing import seal
        from koemori.server.archive.store import LocalRecordingStore
        from koemori.server.calls.pipeline import open_journal

        playbooks = Playbooks(settings.assist.playbook_dir)
        await asyncio.to_thread(playbooks.get, settings.assist.locale)
        journal = open_journal(settings.archive.directory, metrics)
        store = LocalRecordingStore(settings.archive.directory)

        def seal_recording(started: CallStarted, head: Future[JournalHead]) -> SealedRecording:
            head.result(0)
            return seal(journal.call(started.call_id), store)

        ports = CallPorts(
            journal.open_call, seal_recording, journal.release, _nobody, _nobody, assisted=False
        )
        return cls(journal, playbooks, ports)

    async def aclose(self) -> None:
        """Make the journal durable."""
        await asyncio.to_thread(self.journal.close)


def _nobody(_: object) -> NoReturn:
    raise RuntimeError("assist side: expected none to be made for calls that are recorded only")
