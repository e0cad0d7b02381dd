"""What the doctor says of a machine that this one is not."""

import pytest
from koemori.models.calibration import Calibration
from koemori.models.capacity import Capacity
from koemori.models.host import CpuFacts, HostFacts
from koemori.server.calls.worker_plan import plan_device
from koemori.server.doctor import sentences
from koemori.server.model_settings import ModelSettings

pytestmark = pytest.mark.unit

GIB = 2**30
CPU = plan_device(ModelSettings(), cores=4, cuda_devices=0)
GPU = plan_device(ModelSettings(device="cuda", device_index=(0, 1)), cores=4, cuda_devices=2)
MEASURED = Calibration(
    model_id="whisper-base-int8@d01c",
    speech_ms=10_000,
    final_ms=1000,
    best_final_ms=1500,
    partial_ms=3000,
    partials=18,
    resident_bytes=300 * 2**20,
    load_ms=900,
)


def test_intels_library_on_amd_is_a_warning() -> None:
    facts = CpuFacts("AVX2", "AuthenticAMD", mkl=True, int8_backend="MKL")
    found = sentences.cpu("AMD EPYC", 2, facts, (), {})
    assert (found.state, found.came) == ("warning", "2 cores, AMD EPYC, AVX2, int8 by Intel MKL")
    assert "unset CT2_USE_MKL" in found.advice
    assert sentences.cpu("AMD EPYC", 2, None, ("int16", "int8"), {}).state == "warning"
    assert sentences.cpu("AMD EPYC", 2, None, ("int8",), {}).state == "ok"
    assert sentences.cpu("Intel Xeon", 1, None, ("int16",), {}).came == "1 core, Intel Xeon"


@pytest.mark.parametrize(
    ("facts", "environ", "advice"),
    [
        (CpuFacts("GENERIC", "GenuineIntel", False, "DNNL"), {}, "prefer a processor with AVX2"),
        (CpuFacts("AVX", "GenuineIntel", False, "DNNL"), {"CT2_FORCE_CPU_ISA": "AVX"}, "unset CT2_FORCE"),
        (CpuFacts("AVX2", "GenuineIntel", False, "none"), {}, "expect a fraction of the speed"),
    ],
)
def test_a_slow_processor_is_a_warning(facts: CpuFacts, environ: dict[str, str], advice: str) -> None:
    found = sentences.cpu("a processor", 2, facts, (), environ)
    assert found.state == "warning"
    assert advice in found.advice


def test_a_missing_gpu_says_what_to_install() -> None:
    wanted = ModelSettings(device="cuda")
    none = sentences.cuda_trouble(wanted, HostFacts(), "")
    assert none is not None
    assert (none.state, none.came) == ("failed", "no CUDA device and no NVIDIA driver")
    assert "525 or newer" in none.advice
    hidden = sentences.cuda_trouble(wanted, HostFacts(), "550.54")
    assert hidden is not None
    assert hidden.came == "no CUDA device, driver 550.54"
    lacking = sentences.cuda_trouble(wanted, HostFacts(cuda_devices=1, cuda_failure="libcublas.so.12"), "550")
    assert lacking is not None
    assert "libcublas.so.12" in lacking.came
    assert sentences.cuda_trouble(ModelSettings(), HostFacts(cuda_devices=1, cuda_failure="x"), "") is None
    assert sentences.cuda_trouble(wanted, HostFacts(cuda_devices=1), "550") is None


def test_the_device_is_named_with_its_memory() -> None:
    host = HostFacts(version="4.8", cuda_devices=2)
    found = sentences.device(GPU, host, (16 * GIB, 24 * GIB), {})
    assert found.came == "CTranslate2 4.8 on GPU 0 (16 GiB), 1 (24 GiB), float16, batches of 16"
    idle = sentences.device(CPU, host, (), {})
    assert idle.came == "CTranslate2 4.8 on CPU, int8; 2 GPUs idle"
    assert idle.advice == 'try [models] device = "cuda"'


def test_capacity_is_said_with_what_it_rests_on() -> None:
    found = sentences.capacity(CPU, Capacity(9, 24, 38), MEASURED, MEASURED)
    assert found.came == (
        "about 9 calls with text while people speak, 24 when that text comes as rarely as it may, "
        "38 with finals only (finals take 0.10 and partials 0.30 of a core per second of speech; "
        "both sides speak 77% of a call; workers 75% full)"
    )
    assert found.figures["calls_finals_only"] == 38
    assert found.figures["best_final_load"] == 0.15
    alone = sentences.capacity(GPU, Capacity(1, 1, 1), MEASURED, None)
    assert alone.came.startswith("about 1 call with finals only (finals take 0.10 of a GPU")
    assert alone.came.endswith("batches carry more")


def test_a_machine_that_is_too_slow_is_told_what_would_help() -> None:
    text = sentences.capacity(CPU, Capacity(0, 1, 3), MEASURED, MEASURED)
    assert (text.state, text.advice.split(",")[0]) == ("warning", "set [models] partials = false")
    assert sentences.capacity(CPU, Capacity(0, 0, 0), MEASURED, None).state == "failed"


@pytest.mark.parametrize(("free", "state"), [(10 * GIB, "ok"), (3 * GIB, "warning"), (2 * GIB, "failed")])
def test_memory_is_weighed_against_what_is_free(free: int, state: str) -> None:
    found = sentences.memory(CPU, int(2.5 * GIB), GIB, free)
    assert found.state == state
    assert found.came == f"needs about 2.5 GiB with 4 workers, {free / GIB:.1f} GiB are free"


def test_where_free_memory_is_not_known_the_need_is_said() -> None:
    assert sentences.memory(CPU, GIB, GIB, None).came == "needs about 1.0 GiB with 4 workers"
