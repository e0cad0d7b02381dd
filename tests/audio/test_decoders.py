"""What RTP carries is decoded to the right pitch and length, whole or in pieces, sound or damaged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.audio.codecs.decoder import open_decoder, opus_ticks
from koemori.audio.codecs.g711 import encode_alaw, encode_mulaw
from numpy.typing import NDArray

from tests.fakes.encoded import encoded_tone

pytestmark = pytest.mark.unit

CODECS = [("PCMU", 8_000, 1), ("PCMA", 8_000, 1), ("G722", 8_000, 1), ("OPUS", 48_000, 2), ("L16", 16_000, 2)]


def tone(rate_hz: int) -> NDArray[np.int16]:
    """A second of 1 kHz."""
    return np.asarray(8_000 * np.sin(2 * np.pi * 1_000 * np.arange(rate_hz) / rate_hz), np.int16)


def encoded(codec: str) -> list[bytes]:
    if codec == "G722":
        return encoded_tone("g722", 16_000, 1_000)
    if codec == "OPUS":
        return encoded_tone("libopus", 48_000, 1_000)
    if codec == "L16":
        stereo = np.repeat(tone(16_000), 2).astype(">i2").tobytes()
        return [stereo[at : at + 1_280] for at in range(0, len(stereo), 1_280)]
    whole = encode_mulaw(tone(8_000)) if codec == "PCMU" else encode_alaw(tone(8_000))
    return [whole[at : at + 160] for at in range(0, len(whole), 160)]


@pytest.mark.parametrize(("codec", "clock_hz", "channels"), CODECS)
def test_a_tone_keeps_its_pitch_level_and_length(codec: str, clock_hz: int, channels: int) -> None:
    packets = encoded(codec)
    decoder = open_decoder(codec, clock_hz, channels)
    pieces = [decoder.decode(packets[at : at + 3]) for at in range(0, len(packets), 3)]
    samples = np.concatenate(pieces)
    rate_hz = decoder.sample_rate_hz
    assert samples.dtype == np.int16
    assert len(samples) == len(packets) * rate_hz // 50
    settled = samples[rate_hz // 5 : rate_hz // 5 + rate_hz // 2].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(settled)) / len(settled) * 2
    assert abs(int(spectrum.argmax()) * 2 - 1_000) <= 4
    assert 7_200 < spectrum.max() < 8_400


@pytest.mark.parametrize(("codec", "clock_hz", "channels"), CODECS)
@settings(deadline=None, max_examples=40)
@given(payloads=st.lists(st.binary(max_size=400), max_size=4))
def test_no_payload_breaks_a_decoder(codec: str, clock_hz: int, channels: int, payloads: list[bytes]) -> None:
    samples = open_decoder(codec, clock_hz, channels).decode(payloads)
    assert samples.ndim == 1
    assert samples.dtype == np.int16


def test_an_opus_packet_says_how_long_it_is() -> None:
    """Table 2 and §3.2 of RFC 6716."""
    assert opus_ticks(b"") == 0
    assert opus_ticks(bytes([3 << 3])) == 2_880
    assert opus_ticks(bytes([15 << 3])) == 960
    assert opus_ticks(bytes([31 << 3 | 1])) == 1_920
    assert opus_ticks(bytes([16 << 3 | 3, 48])) == 5_760
    assert opus_ticks(bytes([31 << 3 | 3, 63])) == 0
    assert opus_ticks(bytes([31 << 3 | 3])) == 0
