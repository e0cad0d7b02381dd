"""What a machine offers is read from what the system and CTranslate2 say."""

import sys

import pytest
from koemori.models.host import (
    CpuFacts,
    available_memory_bytes,
    meminfo_available_bytes,
    probe_host,
    quota_cores,
    read_cpu_facts,
    read_probe,
    usable_cores,
)

pytestmark = pytest.mark.unit

LOG = """\
[2026-01-01 00:00:00.000] [ctranslate2] [thread 1] [info] CPU: AuthenticAMD (SSE4.1=true, AVX2=true)
[2026-01-01 00:00:00.000] [ctranslate2] [thread 1] [info]  - Selected ISA: AVX2
[2026-01-01 00:00:00.000] [ctranslate2] [thread 1] [info]  - Use Intel MKL: false
[2026-01-01 00:00:00.000] [ctranslate2] [thread 1] [info]  - GEMM_S8 backend: DNNL (packed: false)
"""


@pytest.mark.parametrize(
    ("cpu_max", "cores"),
    [("150000 100000\n", 1.5), ("max 100000\n", None), ("", None), ("nonsense", None), ("1 0", None)],
)
def test_a_container_limits_the_cores(cpu_max: str, cores: float | None) -> None:
    assert quota_cores(cpu_max) == cores


def test_free_memory_is_what_the_system_says() -> None:
    assert meminfo_available_bytes("MemTotal: 8 kB\nMemAvailable:       2048 kB\n") == 2048 * 1024
    assert meminfo_available_bytes("") is None


def test_this_machine_has_cores_and_says_its_memory() -> None:
    assert usable_cores() >= 1
    if sys.platform == "linux":
        free = available_memory_bytes()
        assert free is not None
        assert free > 0


def test_what_ctranslate2_chose_is_read_from_its_log() -> None:
    assert read_cpu_facts(LOG) == CpuFacts("AVX2", "AuthenticAMD", False, "DNNL")
    assert read_cpu_facts(LOG.replace("MKL: false", "MKL: true")).mkl
    assert read_cpu_facts("") == CpuFacts()


def test_a_whole_answer_of_the_probe_becomes_facts() -> None:
    output = (
        '{"version": "4.8"}\n{"cpu_compute_types": ["int8"]}\n{"cuda_devices": 2}\n'
        '{"cuda_compute_types": ["float16"]}\n'
    )
    facts = read_probe(output, "", 0)
    assert (facts.version, facts.cpu_compute_types, facts.cuda_devices) == ("4.8", ("int8",), 2)
    assert (facts.cuda_compute_types, facts.cuda_failure, facts.failure) == (("float16",), "", "")


def test_a_probe_that_died_at_the_gpu_says_what_it_said_last() -> None:
    output = '{"version": "4.8"}\n{"cpu_compute_types": ["int8"]}\n{"cuda_devices": 1}\n'
    log = "[ctranslate2] [info] something\nUnable to load libcudnn_ops.so.9\n"
    assert read_probe(output, log, -6).cuda_failure == "Unable to load libcudnn_ops.so.9"
    assert read_probe(output, "", -6).cuda_failure == "it gave no answer (exit status -6)"
    named = read_probe(output + '{"cuda_failure": "libcublas.so.12 is missing"}\n', log, -6)
    assert named.cuda_failure == "libcublas.so.12 is missing"


def test_a_probe_that_cannot_load_the_library_says_why() -> None:
    assert read_probe('{"failure": "ImportError: no"}\n', "", 1).failure == "ImportError: no"
    assert read_probe("", "Illegal instruction\n", -4).failure == "Illegal instruction"


def test_the_probe_answers_here() -> None:
    facts = probe_host()
    assert facts.failure == ""
    assert facts.version[:1].isdigit()
    assert "int8" in facts.cpu_compute_types
