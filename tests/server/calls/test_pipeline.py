"""A call is listened to as its queue wants it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from koemori.audio.call import CallStarted
from koemori.models.types import Partial, TranscriptEvent
from koemori.models.vad_batcher import VadBatcher
from koemori.server.calls import pipeline
from koemori.server.calls.listening import prompts_for
from koemori.server.calls.pipeline import Pipeline, listener_for
from koemori.server.config import ArchiveSettings, QueueSettings, Settings
from koemori.server.model_settings import ModelSettings
from koemori.server.telemetry import Metrics

from tests.fakes.models import CUSTOMER, FailingVad, ScriptedPool, speech

pytestmark = pytest.mark.unit

CALL = CallStarted(CUSTOMER.call_id, datetime(2026, 11, 22, tzinfo=UTC), 8000, (CUSTOMER,))
QUEUES = {"abroad": QueueSettings(language="en"), "any": QueueSettings(language="auto")}


async def listen(settings: Settings, queue: str | None) -> tuple[ScriptedPool, list[TranscriptEvent]]:
    """A call of this queue with three seconds of speech."""
    pool = ScriptedPool()
    call = replace(CALL, queue=queue)
    listener = listener_for(call, settings, VadBatcher(FailingVad()), pool, prompts_for(settings))
    collecting = asyncio.ensure_future(_all(listener.events()))
    listener.push(CUSTOMER, 0, speech((0, 3000), until_ms=4000))
    listener.finish()
    return pool, await collecting


async def _all(events: AsyncIterator[TranscriptEvent]) -> list[TranscriptEvent]:
    return [event async for event in events]


@pytest.mark.parametrize(
    ("queue", "language"), [(None, "ja"), ("unheard-of", "ja"), ("abroad", "en"), ("any", "")]
)
async def test_a_call_is_heard_in_the_language_of_its_queue(queue: str | None, language: str) -> None:
    pool, _ = await listen(Settings(queues=QUEUES), queue)
    assert {request.language for request in pool.asked} == {language}


@pytest.mark.parametrize("partials", [True, False])
async def test_partials_are_as_the_settings_say(partials: bool) -> None:
    pool, events = await listen(Settings(models=ModelSettings(partials=partials)), None)
    assert any(not request.final for request in pool.asked) is partials
    assert any(isinstance(event, Partial) for event in events) is partials


async def test_the_recogniser_is_told_the_words_of_the_queue(tmp_path: Path) -> None:
    for name, word in (("house", "小野寺"), ("shop", "洗濯機")):
        (tmp_path / f"{name}.toml").write_text(
            f'id = "{name}"\nversion = "1"\nsource = ""\n[[entry]]\ntext = "{word}"\n', encoding="utf-8"
        )
    settings = Settings(
        models=ModelSettings(vocabulary=(tmp_path / "house.toml",), prompt=True),
        queues={"shop": QueueSettings(vocabulary=(tmp_path / "shop.toml",))},
    )
    for queue, told in ((None, "小野寺。"), ("unheard-of", "小野寺。"), ("shop", "小野寺、洗濯機。")):
        pool, _ = await listen(settings, queue)
        assert {request.prompt for request in pool.asked} == {told}


@pytest.mark.parametrize("broken", ["_open_vad", "open_diarizer", "_warm_up", "observe_pool"])
async def test_a_failure_to_open_leaves_neither_workers_nor_a_journal_open(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Pool(ScriptedPool):
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    def fail(*_: object) -> None:
        raise RuntimeError("expected nothing in particular; got this test")

    async def open_pool(*_: object) -> Pool:
        return pool

    settings = Settings(archive=ArchiveSettings(directory=tmp_path))
    for _ in range(2):
        pool = Pool()
        monkeypatch.setattr(pipeline, "open_recogniser", open_pool)
        monkeypatch.setattr(pipeline, broken, fail)
        with pytest.raises(RuntimeError, match="got this test"):
            await Pipeline.open(settings, Metrics())
        assert pool.closed == 1
