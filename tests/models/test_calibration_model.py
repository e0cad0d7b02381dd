"""The measurement of the default model on this machine."""

from pathlib import Path

import pytest
from koemori.models.calibration import CalibrationOrder, measure_worker
from koemori.models.catalog import ensure_model
from koemori.models.vocabulary import builtin_vocabulary

pytestmark = pytest.mark.model

CALL = Path(__file__).parents[2] / "server" / "demo" / "calls" / "c01.flac"


def test_a_worker_is_measured_on_a_call_that_is_shipped() -> None:
    words = builtin_vocabulary().to_data()
    measured = measure_worker(
        CalibrationOrder(str(ensure_model()), str(CALL), utterances=2, vocabulary=words)
    )
    assert measured.model_id == "whisper-base-int8@d01c3014881c"
    assert 2000 < measured.speech_ms < 24_000
    assert 0 < measured.final_load < measured.best_final_load * 1.5
    assert measured.partials >= 3
    assert measured.partial_load > 0
    assert 100 * 2**20 < measured.resident_bytes < 2**30
    assert measured.cpu.isa
    assert measured.cpu.int8_backend
