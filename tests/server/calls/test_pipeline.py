"""A call is listened to as its queue wants it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from koemori.audio.call import CallStarted
from koemori.models.types import Partial, TranscriptEvent
from koemori.models.vad_batcher import VadBatcher
from koemori.server.calls.pipeline import listener_for
from koemori.server.config import QueueSettings, Settings
from koemori.server.model_settings import ModelSettings

from tests.fakes.models import CUSTOMER, FailingVad, ScriptedPool, speech

pytestmark = pytest.mark.unit

CALL = CallStarted(CUSTOMER.call_id, datetime(2026, 11, 22, tzinfo=UTC), 8000, (CUSTOMER,))
QUEUES = {"abroad": QueueSettings(language="en"), "any": QueueSettings(language="auto")}


async def listen(settings: Settings, queue: str | None) -> tuple[ScriptedPool, list[TranscriptEvent]]:
    """A call of this queue with three seconds of speech."""
    pool = ScriptedPool()
    listener = listener_for(replace(CALL, queue=queue), settings, VadBatcher(FailingVad()), pool)
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
