"""Calls of trunks whose run ends before their sender does: nothing waits for them, nothing grows."""

from __future__ import annotations

import asyncio
from typing import cast

import numpy as np
import pytest
from koemori.audio.call import CallEnded, ChannelRole
from koemori.audio.frames import SourceEvent
from koemori.audio.ingest.legs import LegFacts
from koemori.audio.ingest.rtp_call import RtpCallPlan, RtpLegPlan
from koemori.audio.rtp.payload import STATIC_PAYLOAD_TYPES
from koemori.server.calls.live import LiveCalls
from koemori.server.calls.ports import CallSource
from koemori.server.capture.joining import Joining
from koemori.server.capture.rtp import RtpListener
from koemori.server.capture.rtp_settings import RtpTrunk
from koemori.server.capture.trunk import TrunkContext, TrunkStatus
from koemori.server.telemetry import Metrics

pytestmark = pytest.mark.unit


class Calls:
    """Runs calls, or fails to."""

    def __init__(self, *, works: bool) -> None:
        self._works = works
        self.events: list[SourceEvent] = []

    async def run(self, source: CallSource) -> None:
        if not self._works:
            raise RuntimeError("a mistake")
        self.events = [event async for event in source.events()]


def context(calls: Calls) -> TrunkContext:
    return TrunkContext("pbx", cast("LiveCalls", calls), Metrics(), TrunkStatus())


async def test_packets_do_not_wait_for_a_call_whose_run_has_failed() -> None:
    listener = RtpListener(context(Calls(works=False)), RtpTrunk(kind="rtp"))
    plan = RtpCallPlan((RtpLegPlan("leg", ChannelRole.UNKNOWN, STATIC_PAYLOAD_TYPES[0]),))
    source = listener.begin(plan)
    assert source is not None
    assert not source.call.ended
    await asyncio.sleep(0.01)
    assert source.call.ended
    await listener.aclose()


async def test_closing_ends_calls_of_one_leg_as_well() -> None:
    calls = Calls(works=True)
    joining = Joining(context(calls), "test")
    leg = joining.enter(LegFacts("leg", 8_000), None)
    leg.audio(np.zeros(160, dtype=np.int16))
    await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        await joining.aclose()
    assert isinstance(calls.events[-1], CallEnded)
    assert calls.events[-1].reason == "shutdown"
    assert len(joining) == 0
