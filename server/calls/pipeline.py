"""What all calls of a process share: the journal, the archive, the speech models and the playbook.

The heavy libraries are imported here, inside `open`, so that commands which need none of them start at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from koemori.assist.types import CallFacts
from koemori.audio.call import CallId, CallStarted
from koemori.server.calls.listening import listener_config, listening_for, prompts_for
from koemori.server.calls.mono import naming_voices, open_diarizer
from koemori.server.calls.ports import CallPorts, Engine, Listener, Recorder
from koemori.server.calls.recogniser import open_recogniser
from koemori.server.config import Settings
from koemori.server.playbooks import Playbooks
from koemori.server.telemetry import Metrics, observe_pool

if TYPE_CHECKING:
    from koemori.assist.playbooks.schema import Playbook
    from koemori.assist.second_opinion import SecondOpinion
    from koemori.audio.journal import Journal, JournalHead
    from koemori.models.diarizer import PyannoteDiarizer
    from koemori.models.listener import CallListener
    from koemori.models.model_cache import Progress
    from koemori.models.ports import VoiceActivityDetector, WorkerPool
    from koemori.models.vad_batcher import VadBatcher
    from koemori.server.archive.sealing import SealedRecording
    from koemori.server.archive.store import LocalRecordingStore
    from koemori.server.calls.third_opinion import ChatAdviser


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Open with `Pipeline.open`, close with `aclose`; belongs to one event loop."""

    journal: Journal
    store: LocalRecordingStore
    pool: WorkerPool
    vad: VadBatcher
    diarizer: PyannoteDiarizer
    playbooks: Playbooks
    adviser: ChatAdviser | None
    ports: CallPorts

    @classmethod
    async def open(cls, settings: Settings, metrics: Metrics, progress: Progress | None = None) -> Pipeline:
        """Load models and playbook, then take the journal; a failure leaves nothing open.

        Raises:
            ModelError: The weights cannot be had, or a file of words does not fit.
            PlaybookError: A playbook file does not fit.
            OpinionError: The second opinion's model does not fit.
            JournalError: Another process records into this archive, or the disk refuses.
            SettingsError: A file with a key cannot be read.
        """
        from koemori.models.vad_batcher import VadBatcher
        from koemori.server.archive.store import LocalRecordingStore
        from koemori.server.calls.third_opinion import open_adviser

        playbooks = Playbooks(settings.assist.playbook_dir)
        playbook = await asyncio.to_thread(playbooks.get, settings.assist.locale)
        prompts = await asyncio.to_thread(prompts_for, settings)
        journal = open_journal(settings.archive.directory, metrics)
        async with AsyncExitStack() as on_failure:
            on_failure.push_async_callback(asyncio.to_thread, journal.close)
            pool = await open_recogniser(settings, progress)
            on_failure.push_async_callback(pool.aclose)
            vad = VadBatcher(await asyncio.to_thread(_open_vad))
            diarizer = await open_diarizer(settings, progress)
            on_failure.push_async_callback(diarizer.aclose)
            opinion = await asyncio.to_thread(_open_opinion, settings)
            await asyncio.to_thread(_warm_up, playbook, opinion)
            adviser = await asyncio.to_thread(open_adviser, settings, metrics)
            observe_pool(metrics, pool)
            store = LocalRecordingStore(settings.archive.directory)
            on_failure.pop_all()
        around = partial(naming_voices, diarizer=diarizer, drain_s=settings.assist.drain_s)

        def make_listener(started: CallStarted) -> Listener:
            return around(listener_for(started, settings, vad, pool, prompts), started)

        in_force = partial(playbooks.get, settings.assist.locale)
        ports = _ports(journal, store, make_listener, in_force, opinion, adviser)
        return cls(journal, store, pool, vad, diarizer, playbooks, adviser, ports)

    async def aclose(self) -> None:
        """Let running transcriptions finish and make the journal durable."""
        if self.adviser is not None:
            await self.adviser.aclose()
        await self.diarizer.aclose()
        await self.pool.aclose()
        await asyncio.to_thread(self.journal.close)


def listener_for(
    started: CallStarted,
    settings: Settings,
    vad: VadBatcher,
    pool: WorkerPool,
    prompts: Mapping[str | None, str],
) -> CallListener:
    """A call's ears, in the language of its queue and with partials if its queue has them.

    Args:
        started: The call.
        settings: All of them.
        vad: Shared by calls.
        pool: Shared by calls.
        prompts: As `prompts_for` gives them; a queue that they do not name is heard with that of None.
    """
    from koemori.models.listener import CallListener

    prompt = prompts[started.queue if started.queue in prompts else None]
    config = listener_config(listening_for(settings, started.queue), prompt)
    return CallListener(started.channels, vad, pool, config)


def open_journal(archive: Path, metrics: Metrics) -> Journal:
    """The journal of an archive; what it says of itself is counted.

    Raises:
        JournalError: Another process records into this archive, or the disk refuses.
    """
    from koemori.audio.journal import Journal
    from koemori.server.archive.recover import JOURNAL_DIRECTORY

    journal = Journal(
        archive / JOURNAL_DIRECTORY, on_alarm=lambda alarm: metrics.journal_alarms.labels(alarm.code).inc()
    )
    metrics.journal_age.set_function(lambda: journal.metrics().age_ms / 1000)
    return journal


def _open_vad() -> VoiceActivityDetector:
    from koemori.models.silero_vad import SileroVad

    return SileroVad()


def _open_opinion(settings: Settings) -> SecondOpinion | None:
    from koemori.assist.second_opinion import load_opinion

    return load_opinion() if settings.assist.second_opinion else None


def _warm_up(playbook: Playbook, opinion: SecondOpinion | None) -> None:
    """Load dictionary and sentence vectors now: in a call they would hold up every call for seconds."""
    from koemori.assist.engine import AssistEngine
    from koemori.assist.similarity import meaning
    from koemori.assist.types import Heard
    from koemori.audio.call import ChannelRole

    first, second = "責任者を出してください。", "上の方に代わってください。"
    meaning(first, second)
    engine = AssistEngine(CallFacts(call_id="warm-up"), playbook, opinion)
    engine.push(Heard("1-0", ChannelRole.CUSTOMER, 0, 900, first))


def _ports(
    journal: Journal,
    store: LocalRecordingStore,
    make_listener: Callable[[CallStarted], Listener],
    playbook_in_force: Callable[[], Playbook],
    opinion: SecondOpinion | None,
    adviser: ChatAdviser | None,
) -> CallPorts:
    from koemori.assist.engine import AssistEngine
    from koemori.server.archive.sealing import seal

    def open_recorder(started: CallStarted) -> Recorder:
        return journal.open_call(started)

    def seal_recording(started: CallStarted, head: Future[JournalHead]) -> SealedRecording:
        head.result(0)
        return seal(journal.call(started.call_id), store)

    def release(call_id: CallId) -> None:
        journal.release(call_id)

    def make_engine(facts: CallFacts) -> Engine:
        return AssistEngine(facts, playbook_in_force(), opinion, doubting)

    doubting = None if adviser is None else adviser.policy
    return CallPorts(open_recorder, seal_recording, release, make_listener, make_engine, adviser=adviser)
