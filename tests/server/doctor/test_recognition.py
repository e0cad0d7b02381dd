"""The doctor looks at models, words, device and speakers of this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from koemori.models import calibration, trim
from koemori.models.calibration import Calibration, CalibrationOrder
from koemori.models.errors import ModelFormatError, VocabularyError, WorkerFailedError
from koemori.models.model_folder import folder_digest
from koemori.server.config import QueueSettings, Settings
from koemori.server.doctor import examine
from koemori.server.doctor.interpreter import missing_packages
from koemori.server.doctor.recognition import Recognition
from koemori.server.model_settings import DiarizationSettings, ModelSettings

from tests.fakes.whisper_folder import write_whisper_folder

pytestmark = pytest.mark.integration

VOCABULARY = """\
id = "shop"
version = "1"
source = "made by this test"

[[entry]]
text = "小野寺"
reading = "おのでら"
kind = "name"
"""


def hears(models: ModelSettings, quick: bool = True, **sections: object) -> Recognition:
    return Recognition(Settings(models=models, **sections), quick)


def test_a_folder_without_a_pin_is_a_warning_that_prints_the_pin(tmp_path: Path) -> None:
    folder = write_whisper_folder(tmp_path / "mine", mel_bands=128)
    found = hears(ModelSettings(name=str(folder))).check_weights()
    assert found.state == "warning"
    assert found.came.endswith("128 mel bands; not pinned")
    assert found.advice == f'pin what you have tried: [models] sha256 = "{folder_digest(folder)}"'
    pinned = ModelSettings(name=str(folder), sha256=folder_digest(folder))
    assert hears(pinned).check_weights().state == "ok"


def test_each_model_of_two_has_its_own_pin(tmp_path: Path) -> None:
    large, small = (write_whisper_folder(tmp_path / name) for name in ("large", "small"))
    models = ModelSettings(name=str(large), sha256=folder_digest(large), partial_model=str(small))
    found = hears(models).check_weights()
    assert f'partial_sha256 = "{folder_digest(small)}"' in found.advice
    assert f"{large}: " in found.came
    assert f"{small}: " in found.came


@pytest.mark.parametrize(
    ("models", "advice"),
    [
        ({"name": "base"}, "koemori weights fetch"),
        ({"name": "large-v3-turbo"}, "set [models] hub = true or a mirror, then koemori weights fetch"),
        ({"name": "large-v3-turbo", "hub": True}, "koemori weights fetch"),
        ({"name": "owner/name"}, "set [models] hub = true or a mirror, then koemori weights fetch"),
        ({"name": "gigantic"}, "name one of base, tiny, small"),
    ],
)
def test_weights_that_are_not_here_say_how_to_get_them(
    tmp_path: Path, models: dict[str, object], advice: str
) -> None:
    found = hears(ModelSettings(cache_dir=tmp_path, **models)).check_weights()
    assert found.state == "failed"
    assert found.advice.startswith(advice)


def test_a_model_that_does_not_know_the_language_is_refused(tmp_path: Path) -> None:
    folder = write_whisper_folder(tmp_path / "base.en", vocabulary=51864)
    with pytest.raises(ModelFormatError, match="expected a multilingual model"):
        hears(ModelSettings(name=str(folder))).check_weights()


def test_vocabulary_files_of_every_queue_are_read(tmp_path: Path) -> None:
    assert hears(ModelSettings()).check_words().came.endswith(" built in")
    (tmp_path / "shop.toml").write_text(VOCABULARY, encoding="utf-8")
    shop = {"shop": QueueSettings(vocabulary=(tmp_path / "shop.toml",))}
    assert " in every call, from 1 file and " in hears(ModelSettings(), queues=shop).check_words().came
    assert hears(ModelSettings(rescoring=False), queues=shop).check_words().came.startswith("none compared: ")
    told = hears(ModelSettings(rescoring=False, prompt=True), queues=shop).check_words()
    assert told.came.endswith("; the prompt names some")
    queues = {"shop": QueueSettings(vocabulary=(tmp_path / "absent.toml",))}
    with pytest.raises(VocabularyError, match=r"absent\.toml: expected a file that can be read"):
        hears(ModelSettings(), queues=queues).check_words()


def test_the_open_voices_are_named_before_they_are_fetched(tmp_path: Path) -> None:
    here = tmp_path / "python"
    here.write_text("#!/bin/sh\necho '[]'\n")
    here.chmod(0o755)
    on = DiarizationSettings(enabled=True, pipeline="open-voices", python=here)
    found = hears(ModelSettings(cache_dir=tmp_path / "cache"), diarization=on).check_speakers()
    assert (found.state, found.came.endswith("whose weights the first start fetches")) == ("ok", True)


def test_the_processor_of_this_machine_computes_with_eight_bits() -> None:
    found = hears(ModelSettings()).check_device()
    assert found.state == "ok"
    assert "on CPU, int8" in found.came
    assert hears(ModelSettings()).check_cpu().figures["cores"]


def test_a_gpu_that_is_not_there_fails_once_and_is_referred_to(tmp_path: Path) -> None:
    folder = write_whisper_folder(tmp_path / "mine")
    doctor = hears(ModelSettings(name=str(folder), device="cuda", device_index=(63,)), quick=False)
    doctor.check_weights()
    if doctor.check_device().state == "failed":
        assert doctor.check_device().advice
    assert doctor.check_memory().came == "not known: see device"
    assert doctor.check_capacity().came == "not known: see device"


def test_without_weights_the_rest_refers_to_them(tmp_path: Path) -> None:
    doctor = hears(ModelSettings(cache_dir=tmp_path), quick=False)
    assert doctor.check_capacity().came == "not known: see weights"
    assert doctor.check_memory().came == "not known: see weights"


def test_memory_is_estimated_from_the_weights_when_nothing_is_measured(tmp_path: Path) -> None:
    doctor = hears(ModelSettings(name=str(write_whisper_folder(tmp_path / "mine")), workers=2))
    doctor.check_weights()
    found = doctor.check_memory()
    assert found.state in ("ok", "warning", "failed")
    assert "with 2 workers" in found.came
    assert doctor.check_capacity().came == "not measured"


@pytest.mark.parametrize(
    ("queues", "measured"), [({}, "trimmed"), ({"abroad": QueueSettings(language="en")}, "mine")]
)
def test_what_the_service_would_run_is_measured(
    queues: dict[str, QueueSettings], measured: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders: list[CalibrationOrder] = []

    def measure(order: CalibrationOrder) -> Calibration:
        orders.append(order)
        raise WorkerFailedError("a measurement", "none")

    monkeypatch.setattr(calibration, "measure_worker", measure)
    monkeypatch.setattr(trim, "trimmed_folder", lambda source, *_: source.with_name("trimmed"))
    folder = write_whisper_folder(tmp_path / "mine")
    doctor = hears(ModelSettings(name=str(folder), cache_dir=tmp_path), quick=False, queues=queues)
    doctor.check_weights()
    doctor.check_cpu()
    (order,) = orders
    assert (order.folder, order.language) == (str(tmp_path / measured), "ja")
    assert order.vocabulary is not None
    assert order.vocabulary["entry"]


def test_a_model_that_cannot_be_loaded_fails_the_measurement_and_nothing_else(tmp_path: Path) -> None:
    folder = write_whisper_folder(tmp_path / "mine")
    settings = Settings(models=ModelSettings(name=str(folder), cache_dir=tmp_path / "cache"))
    rows = {row.check: row for row in examine(settings)}
    assert rows["capacity"].state == "failed"
    assert rows["cpu"].state == "ok"
    assert rows["memory"].state == "ok"


def test_speakers_need_packages_and_weights(tmp_path: Path) -> None:
    assert hears(ModelSettings()).check_speakers().state == "ok"
    on = DiarizationSettings(enabled=True, pipeline=str(tmp_path), python=tmp_path / "no-python")
    found = hears(ModelSettings(), diarization=on).check_speakers()
    assert found.state == "failed"
    assert "has no torch and no pyannote-audio" in found.came
    assert missing_packages(tmp_path / "no-python") == ("torch", "pyannote-audio")
    assert set(missing_packages(None)) <= {"torch", "pyannote-audio"}


def test_the_doctor_loads_no_model_library_into_its_own_process() -> None:
    code = (
        "import sys, os; os.environ['KOEMORI_SERVER__PORT'] = '0'; from koemori.server import cli; "
        "cli.run(['doctor', '--quick']); "
        "heavy = 'torch ctranslate2 faster_whisper onnxruntime av'.split(); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
