"""A redacted rendition: as long as the master, other only where it must be, the master untouched."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.assist.redaction import UNHEARD, AudioSpan
from koemori.server.archive import flac, redacted
from koemori.server.archive.errors import RenditionError
from koemori.server.archive.flac import pcm_sha256, write_flac
from koemori.server.archive.manifest import file_sha256
from koemori.server.archive.redacted import write_redacted
from numpy.typing import NDArray

pytestmark = pytest.mark.unit

RATE_HZ = 8000


def noise(seconds: float, channels: int = 2) -> NDArray[np.int16]:
    shape = (int(seconds * RATE_HZ), channels)
    return np.random.default_rng(7).integers(-3000, 3000, shape).astype(np.int16)


def master_of(folder: Path, samples: NDArray[np.int16]) -> Path:
    path = folder / "master.flac"
    write_flac(path, [samples], RATE_HZ, samples.shape[1])
    return path


def read(path: Path) -> NDArray[np.int16]:
    samples: NDArray[np.int16] = soundfile.read(path, dtype="int16", always_2d=True)[0]
    return samples


def test_only_the_stretches_differ_and_the_length_stays(tmp_path: Path) -> None:
    samples = noise(3)
    master = master_of(tmp_path, samples)
    before = file_sha256(master)
    spans = [AudioSpan(1, 500, 1_200, "phone"), AudioSpan(0, 2_000, 2_500, UNHEARD)]
    made = write_redacted(master, tmp_path / "out.flac", spans)
    out = read(tmp_path / "out.flac")
    assert out.shape == samples.shape
    changed = np.zeros(samples.shape, bool)
    changed[4_000:9_600, 1] = True
    changed[16_000:20_000, 0] = True
    assert np.array_equal(out[~changed], samples[~changed])
    assert not out[16_000:20_000, 0].any()
    tone = out[4_000:9_600, 1].astype(float)
    assert 0 < np.abs(tone).max() <= 0.021 * 32768
    assert np.argmax(np.abs(np.fft.rfft(tone))) == round(redacted.TONE_HZ * len(tone) / RATE_HZ)
    assert abs(float(np.corrcoef(tone, samples[4_000:9_600, 1])[0, 1])) < 0.05
    assert made.replaced_ms == {"phone": 700, UNHEARD: 500}
    assert made.sample_count == len(samples)
    assert made.pcm_sha256 == pcm_sha256(tmp_path / "out.flac") != pcm_sha256(master)
    assert file_sha256(master) == before


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2_400), st.integers(0, 900)), max_size=6),
    st.sampled_from([64, 1_000, 4_096]),
)
@settings(max_examples=25, deadline=None)
def test_blocks_leave_no_seam(
    tmp_path_factory: pytest.TempPathFactory, spans: list[tuple[int, int, int]], block: int
) -> None:
    folder = tmp_path_factory.mktemp("seam")
    samples = noise(2)
    master = master_of(folder, samples)
    wanted = [AudioSpan(channel, start, start + length, "name") for channel, start, length in spans]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flac, "BLOCK_SAMPLES", block)
        write_redacted(master, folder / "small.flac", wanted)
    write_redacted(master, folder / "large.flac", wanted)
    small = read(folder / "small.flac")
    assert np.array_equal(small, read(folder / "large.flac"))
    inside = np.zeros(samples.shape, bool)
    for channel, start, length in spans:
        inside[start * 8 : (start + length) * 8, channel] = True
    assert np.array_equal(small[~inside], samples[~inside])
    # A tone of 2 % is far below this noise, so no stretch of it can be the master's.
    assert not inside.any() or np.abs(small[inside]).max() <= 0.021 * 32768


def test_an_hour_takes_no_more_memory_than_its_blocks(tmp_path: Path) -> None:
    master = tmp_path / "master.flac"
    minute = np.zeros((60 * RATE_HZ, 2), np.int16)
    write_flac(master, (minute for _ in range(20)), RATE_HZ, 2)
    tracemalloc.start()
    write_redacted(master, tmp_path / "out.flac", [AudioSpan(0, 0, 1_200_000, "name")])
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 8 * 1024 * 1024 < 20 * minute.nbytes


def test_a_master_without_a_sample_gives_one_without(tmp_path: Path) -> None:
    master = tmp_path / "master.flac"
    write_flac(master, [], RATE_HZ, 2)
    made = write_redacted(master, tmp_path / "out.flac", [AudioSpan(0, 0, 100, "name")])
    assert (made.sample_count, made.replaced_ms) == (0, {"name": 0})


@pytest.mark.parametrize("kept_bytes", [0, 10, 3_000])
def test_a_damaged_master_gives_no_rendition(tmp_path: Path, kept_bytes: int) -> None:
    master = master_of(tmp_path, noise(2))
    master.write_bytes(master.read_bytes()[:kept_bytes])
    with pytest.raises(RenditionError):
        write_redacted(master, tmp_path / "out.flac", [])


def test_a_channel_that_is_not_there_is_refused(tmp_path: Path) -> None:
    master = master_of(tmp_path, noise(0.1, channels=1))
    with pytest.raises(RenditionError, match="channel below 1"):
        write_redacted(master, tmp_path / "out.flac", [AudioSpan(1, 0, 10, "name")])
