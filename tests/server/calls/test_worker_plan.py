"""What `auto` means on which machine."""

from pathlib import Path

import pytest
from koemori.models.errors import WorkerFailedError
from koemori.server.calls.worker_plan import plan_device, worker_spec
from koemori.server.model_settings import ModelSettings

pytestmark = pytest.mark.unit


def test_a_cpu_gets_one_worker_a_core_with_eight_bit_weights() -> None:
    plan = plan_device(ModelSettings(), cores=6, cuda_devices=2)
    assert (plan.device, plan.compute_type, plan.workers, plan.partial_workers) == ("cpu", "int8", 6, 0)
    assert (plan.batch_size, plan.batch_wait_ms) == (4, 0)


@pytest.mark.parametrize(("cores", "finals", "partials"), [(1, 1, 1), (2, 1, 1), (5, 3, 2), (8, 4, 4)])
def test_two_models_share_the_cores(cores: int, finals: int, partials: int) -> None:
    plan = plan_device(ModelSettings(name="small", partial_model="base"), cores, 0)
    assert (plan.workers, plan.partial_workers) == (finals, partials)


@pytest.mark.parametrize(
    "settings",
    [
        ModelSettings(partial_model="base"),
        ModelSettings(name="small", partial_model="base", partials=False),
    ],
)
def test_a_second_model_that_has_nothing_to_do_gets_no_worker(settings: ModelSettings) -> None:
    assert plan_device(settings, 4, 0).partial_workers == 0


def test_auto_takes_the_gpus_where_there_are_some() -> None:
    settings = ModelSettings(device="auto", device_index=(0, 1), partial_model="tiny")
    plan = plan_device(settings, cores=16, cuda_devices=2)
    assert (plan.device, plan.compute_type, plan.device_indices) == ("cuda", "float16", (0, 1))
    assert (plan.workers, plan.partial_workers, plan.batch_size, plan.batch_wait_ms) == (2, 2, 16, 20)
    assert plan_device(settings, cores=16, cuda_devices=0).device == "cpu"


def test_a_gpu_that_is_not_there_is_refused() -> None:
    for there, came in ((0, "0 CUDA devices"), (1, "1 CUDA device")):
        with pytest.raises(WorkerFailedError, match=f"expected CUDA device {there}, as .* got {came}$"):
            plan_device(ModelSettings(device="cuda", device_index=(there,)), 4, there)


def test_weights_that_only_a_gpu_computes_with_are_refused_where_auto_finds_none() -> None:
    settings = ModelSettings(device="auto", compute_type="float16")
    assert plan_device(settings, 4, 1).compute_type == "float16"
    sentence = (
        r"expected \[models\] compute_type int8, int8_float32, int16 or float32, "
        "or a CUDA device for float16; got float16 and no CUDA device$"
    )
    with pytest.raises(WorkerFailedError, match=sentence):
        plan_device(settings, 4, 0)


def test_what_is_set_is_not_decided() -> None:
    settings = ModelSettings(
        device="cuda", workers=3, batch_size=8, batch_wait_ms=0, compute_type="int8_float16"
    )
    plan = plan_device(settings, cores=2, cuda_devices=1)
    assert (plan.workers, plan.batch_size, plan.batch_wait_ms, plan.compute_type) == (3, 8, 0, "int8_float16")


def test_a_plan_becomes_what_the_workers_load() -> None:
    plan = plan_device(ModelSettings(device="cuda", device_index=(1, 3)), 4, 4)
    spec = worker_spec(plan, Path("/models/base"))
    assert [spec.load_model(worker).config["device_index"] for worker in range(3)] == [1, 3, 1]
    assert spec.load_model(0).config["compute_type"] == "float16"
    assert (spec.batch_size, spec.batch_wait_ms) == (16, 20)
