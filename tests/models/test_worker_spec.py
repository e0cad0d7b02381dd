"""What workers load, and on which device."""

from __future__ import annotations

from pathlib import Path

import pytest
from koemori.models.vocabulary import Entry, EntryKind, Vocabulary, vocabulary_from_data
from koemori.models.whisper import WhisperConfig
from koemori.models.worker_spec import WorkerSpec

pytestmark = pytest.mark.unit


def test_on_a_cpu_no_worker_asks_for_a_device_number(tmp_path: Path) -> None:
    spec = WorkerSpec(tmp_path, WhisperConfig(beam_size=2), device_indices=(2, 3))
    load = spec.load_model(1)
    assert WhisperConfig(**load.config) == WhisperConfig(beam_size=2)
    assert load.folder == str(tmp_path)


def test_what_suits_gpus_reaches_each_worker_with_its_own_device(tmp_path: Path) -> None:
    spec = WorkerSpec.cuda(tmp_path, device_indices=(2, 3), compute_type="int8_float16", batch_size=8)
    loads = [spec.load_model(worker) for worker in range(3)]
    assert [load.config["device_index"] for load in loads] == [2, 3, 2]
    assert {(load.config["device"], load.config["compute_type"]) for load in loads} == {
        ("cuda", "int8_float16")
    }
    assert WhisperConfig(**loads[0].config).device_index == 2


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"batch_size": 1000}, {"device_indices": ()}])
def test_a_spec_that_no_worker_could_serve_is_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"expected .*; got"):
        WorkerSpec(tmp_path, **wrong)  # type: ignore[arg-type]


def test_the_words_of_a_vocabulary_reach_each_worker_whole(tmp_path: Path) -> None:
    words = Vocabulary("shop", "1", "test", (Entry("小野寺", "おのでら", EntryKind.NAME, ("お野寺",)),))
    load = WorkerSpec(tmp_path, vocabulary=words).load_model(0)
    assert load.vocabulary is not None
    assert vocabulary_from_data(load.vocabulary) == words
    assert WorkerSpec(tmp_path).load_model(0).vocabulary is None
