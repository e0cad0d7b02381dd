"""A recording goes on when the keys in it can no longer be heard."""

import logging

import numpy as np
import pytest
from koemori.audio.masking_keys import KeyEar
from koemori.server.calls.ports import Pace
from koemori.server.calls.session import CallSession
from koemori.server.telemetry import Metrics
from numpy.typing import NDArray

from tests.fakes.calls import FakeParts, call, frames
from tests.fakes.sink import ListSink

pytestmark = pytest.mark.unit


async def test_not_one_sample_is_lost_and_log_and_recording_say_it_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_ear: KeyEar, start_sample: int, _samples: NDArray[np.int16]) -> None:
        raise ZeroDivisionError(start_sample)

    monkeypatch.setattr(KeyEar, "push", fail)
    parts, script = FakeParts(), frames(100)
    session = CallSession(parts.ports(), ListSink(), Metrics(), Pace.HELD)
    with caplog.at_level(logging.ERROR):
        ended = await session.run(call(*script, end_ms=2000))
    assert parts.recorder.pushed == script
    assert ended.reason == "completed"
    assert [kind for kind, _ in parts.recorder.marked] == ["key-hearing-failed"]
    assert [record.message for record in caplog.records] == ["keys are no longer heard in a call"]
