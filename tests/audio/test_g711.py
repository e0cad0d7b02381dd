"""G.711 tables, compared for every code with an implementation that is not ours (libsndfile)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from koemori.audio.codecs.g711 import decode_alaw, decode_mulaw, encode_alaw, encode_mulaw
from numpy.typing import NDArray

pytestmark = pytest.mark.unit
ALL_CODES = bytes(range(256))
ALL_SAMPLES = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16)
LAWS = {"ULAW": (decode_mulaw, encode_mulaw), "ALAW": (decode_alaw, encode_alaw)}


def decoded_elsewhere(folder: Path, codes: bytes, law: str) -> NDArray[np.int16]:
    raw = folder / "codes.raw"
    raw.write_bytes(codes)
    samples, _ = soundfile.read(
        raw, samplerate=8000, channels=1, subtype=law, format="RAW", dtype="int16", endian="LITTLE"
    )
    return np.asarray(samples)


@pytest.mark.parametrize("law", LAWS)
def test_every_code_decodes_as_elsewhere(law: str, tmp_path: Path) -> None:
    decode, _ = LAWS[law]
    assert np.array_equal(decode(ALL_CODES), decoded_elsewhere(tmp_path, ALL_CODES, law))


@pytest.mark.parametrize("law", LAWS)
def test_every_sample_encodes_to_a_nearest_step(law: str) -> None:
    decode, encode = LAWS[law]
    coded = decode(encode(ALL_SAMPLES)).astype(np.int32)
    steps = np.sort(decode(ALL_CODES).astype(np.int32))
    wanted = ALL_SAMPLES.astype(np.int32)
    above = np.clip(np.searchsorted(steps, wanted), 1, len(steps) - 1)
    nearest = np.minimum(np.abs(wanted - steps[above - 1]), np.abs(wanted - steps[above]))
    widest_step = np.maximum(steps[above] - steps[above - 1], 8)
    assert (np.abs(coded - wanted) <= np.maximum(nearest, widest_step)).all()


@pytest.mark.parametrize("law", LAWS)
def test_encoding_a_decoded_value_gives_the_value_back(law: str) -> None:
    decode, encode = LAWS[law]
    assert np.array_equal(decode(encode(decode(ALL_CODES))), decode(ALL_CODES))


def test_known_values_of_the_recommendation() -> None:
    assert decode_mulaw(b"\xff\x7f\x00\x80").tolist() == [0, 0, -32124, 32124]
    assert decode_alaw(b"\xd5\x55\x2a\xaa").tolist() == [8, -8, -32256, 32256]
    assert encode_mulaw(np.array([0, 32767, -32768], dtype=np.int16)) == b"\xff\x80\x00"
    assert encode_alaw(np.array([8, -8, 32767, -32768], dtype=np.int16)) == b"\xd5\x55\xaa\x2a"


def test_nothing_decodes_to_nothing() -> None:
    assert decode_mulaw(b"").shape == (0,)
    assert encode_alaw(np.zeros(0, dtype=np.int16)) == b""
