"""Files that can be played as calls, and the one sentence each other file gets."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from koemori.audio.errors import AudioFileError
from koemori.audio.files import AudioFileInfo, probe, read_blocks
from numpy.typing import NDArray

pytestmark = pytest.mark.unit


def noise(count: int, channels: int) -> NDArray[np.int16]:
    return np.random.default_rng(7).integers(-20_000, 20_000, (count, channels)).astype(np.int16)


def written(
    path: Path, channels: int = 2, rate: int = 8000, subtype: str = "PCM_16", container: str = "WAV"
) -> Path:
    soundfile.write(path, noise(1000, channels), rate, subtype=subtype, format=container)
    return path


@pytest.mark.parametrize(
    ("container", "subtype", "encoding"),
    [
        ("WAV", "PCM_16", "wav/pcm_s16le"),
        ("WAVEX", "PCM_16", "wav/pcm_s16le"),
        ("WAV", "ULAW", "wav/mulaw"),
        ("WAV", "ALAW", "wav/alaw"),
        ("FLAC", "PCM_16", "flac/pcm_s16"),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_telephone_files_are_probed(
    tmp_path: Path, container: str, subtype: str, encoding: str, channels: int, rate: int
) -> None:
    path = written(tmp_path / "call.bin", channels, rate, subtype, container)
    assert probe(path) == AudioFileInfo(rate, channels, 1000, encoding)


@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_blocks_are_the_file_sample_by_sample(tmp_path: Path, container: str) -> None:
    path = written(tmp_path / "call", container=container)
    blocks = list(read_blocks(path, 160))
    assert [len(block) for block in blocks] == [160] * 6 + [40]
    assert np.array_equal(np.concatenate(blocks), noise(1000, 2))


def refused(path: Path) -> str:
    with pytest.raises(AudioFileError) as error:
        probe(path)
    sentence = str(error.value)
    assert "expected" in sentence
    assert "got" in sentence
    assert "\n" not in sentence
    return sentence


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "nothing at that path" in refused(tmp_path / "no.wav")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert "a directory" in refused(tmp_path)


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    assert "a special file" in refused(tmp_path / "pipe.wav")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    assert "an empty file (0 bytes)" in refused(tmp_path / "empty.wav")


@pytest.mark.parametrize("subtype", ["PCM_24", "PCM_32", "FLOAT", "PCM_U8"])
def test_other_sample_formats_are_refused(tmp_path: Path, subtype: str) -> None:
    assert f"WAV with {subtype} samples" in refused(written(tmp_path / "x.wav", subtype=subtype))


def test_24_bit_flac_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.flac", subtype="PCM_24", container="FLAC")
    assert "FLAC with PCM_24 samples" in refused(path)


@pytest.mark.parametrize("rate", [4000, 7999, 96_000])
def test_other_rates_are_refused(tmp_path: Path, rate: int) -> None:
    assert f"{rate} Hz" in refused(written(tmp_path / "x.wav", rate=rate))


def test_three_channels_are_refused(tmp_path: Path) -> None:
    assert "3 channels" in refused(written(tmp_path / "x.wav", channels=3))


def test_text_with_the_name_of_a_wav_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "note.wav"
    path.write_text("お電話ありがとうございます。" * 30, encoding="utf-8")
    assert refused(path).endswith("got text")


def test_a_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "video.wav"
    path.write_bytes(struct.pack(">I", 32) + b"ftypisom" + bytes(20) + b"\x00\x00\x00\x08mdat" + bytes(500))
    assert "MP4" in refused(path)
    path.write_bytes(b"\x1aE\xdf\xa3" + bytes(500))
    assert "Matroska" in refused(path)


def test_random_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    path.write_bytes(np.random.default_rng(3).bytes(4000))
    assert "no audio format that is known" in refused(path)


def test_a_damaged_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    path.write_bytes(b"fLaC" + bytes(300))
    assert "a damaged FLAC file" in refused(path)


def test_a_header_without_samples_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.zeros((0, 1), dtype=np.int16), 8000, subtype="PCM_16")
    assert "a header and no samples" in refused(tmp_path / "x.wav")


@pytest.mark.parametrize("subtype", ["PCM_16", "ULAW"])
def test_a_truncated_wav_is_refused_with_both_sample_counts(tmp_path: Path, subtype: str) -> None:
    path = written(tmp_path / "x.wav", subtype=subtype)
    cut = 600 * 2 * (2 if subtype == "PCM_16" else 1)
    path.write_bytes(path.read_bytes()[: path.stat().st_size - cut])
    sentence = refused(path)
    assert "expected 1000 samples per channel as its header says" in sentence
    assert "got 400 in the file (truncated WAV)" in sentence


def test_a_wav_of_unstated_length_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.wav", channels=1)
    raw = bytearray(path.read_bytes())
    at = raw.index(b"data") + 4
    raw[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(raw)
    assert "truncated WAV" in refused(path)


def test_a_flac_of_unstated_length_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.flac", container="FLAC")
    raw = bytearray(path.read_bytes())
    raw[21] &= 0xF0
    raw[22:26] = bytes(4)
    path.write_bytes(raw)
    assert "FLAC of unstated length" in refused(path)


@given(data=st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_played_whole_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    container = data.draw(st.sampled_from(["WAV", "WAVEX", "FLAC"]))
    path = written(tmp_path / "x", container=container)
    raw = bytearray(path.read_bytes())
    for at in data.draw(st.lists(st.integers(0, 119), max_size=4)):
        raw[at] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    try:
        count = sum(len(block) for block in read_blocks(path, 160))
    except AudioFileError:
        return
    assert count == probe(path).sample_count


def test_bytes_after_the_samples_do_no_harm(tmp_path: Path) -> None:
    path = written(tmp_path / "x.wav")
    with path.open("ab") as stream:
        stream.write(b"LIST" + struct.pack("<I", 4) + b"INFO")
    assert probe(path).sample_count == 1000


def test_a_truncated_flac_breaks_off_with_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    soundfile.write(path, noise(100_000, 2), 8000, subtype="PCM_16", format="FLAC")
    path.write_bytes(path.read_bytes()[:200_000])
    kept: list[int] = []
    with pytest.raises(AudioFileError, match="100000 samples"):
        kept.extend(len(block) for block in read_blocks(path, 160))
    assert sum(kept) > 0
