"""A whole exchange in each provider's documented shape becomes the same call."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.codeccontext import AudioCodecContext
from koemori.audio.call import CallEnded, CallStarted, ChannelRole
from koemori.audio.codecs.g711 import decode_mulaw
from koemori.audio.errors import MediaMessageError
from koemori.audio.frames import SourceEvent
from koemori.audio.ingest.dialects.load import dialect_names, load_dialect
from koemori.audio.ingest.stream import MediaStream, StreamOptions
from koemori.audio.signals import KeyPressed
from numpy.typing import NDArray

from tests.fakes.media import assemble

pytestmark = pytest.mark.unit
EXCHANGES = Path(__file__).resolve().parents[2] / "data" / "streams"


def lines(name: str) -> list[str]:
    return (EXCHANGES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()


def ticking() -> Iterator[float]:
    """A clock for exchanges whose audio is placed by arrival: two messages every 20 ms."""
    at_s = 10.0
    while True:
        yield at_s
        at_s += 0.01


def play(name: str, options: StreamOptions | None = None) -> list[SourceEvent]:
    clock = ticking()
    stream = MediaStream(load_dialect(name), options=options, clock_s=lambda: next(clock))
    return [event for line in lines(name) for event in stream.push(line)]


def said(name: str, track: str) -> list[int]:
    """The three different samples of a track, 20 ms each."""
    if name == "plivo":
        return [n * 200 + (100 if track == "outbound" else 0) for n in (1, 2, 3)]
    return [int(one) for one in decode_mulaw(bytes(n * 2 + (track == "outbound") for n in (1, 2, 3)))]


def test_there_is_an_exchange_for_every_dialect() -> None:
    assert sorted(path.stem for path in EXCHANGES.glob("*.jsonl")) == dialect_names()


@pytest.mark.parametrize("name", dialect_names())
def test_a_documented_exchange_is_a_call_with_all_it_says(name: str) -> None:
    events = play(name)
    started = events[0]
    assert isinstance(started, CallStarted)
    assert (started.agent_id, started.queue, started.customer_number) == ("suzuki", "support", "0300000000")
    assert set(started.external_ids) == {"stream_sid", "call_sid"}
    assert [channel.role for channel in started.channels] == [ChannelRole.AGENT, ChannelRole.CUSTOMER]
    (pressed,) = [event for event in events if isinstance(event, KeyPressed)]
    assert (pressed.channel.role, pressed.key) == (ChannelRole.CUSTOMER, "5")
    ended = events[-1]
    assert isinstance(ended, CallEnded)
    assert ended.reason == "stop"
    samples, there = assemble(events)
    assert there.all()
    assert samples.shape == (2, 480)
    for row, track in ((0, "outbound"), (1, "inbound")):
        assert samples[row].tolist() == np.repeat(said(name, track), 160).tolist()


def test_settings_turn_the_sides_round_and_the_call_has_the_last_word() -> None:
    turned = StreamOptions(roles={"inbound": ChannelRole.AGENT, "outbound": ChannelRole.CUSTOMER})
    (started,) = [event for event in play("telnyx", turned) if isinstance(event, CallStarted)]
    assert [channel.leg_id for channel in started.channels] == ["inbound", "outbound"]


def test_a_track_that_was_not_asked_for_makes_no_channel() -> None:
    stream = MediaStream(load_dialect("telnyx"), options=StreamOptions(tracks=("inbound",)))
    (started,) = [e for line in lines("telnyx")[:2] for e in stream.push(line)]
    assert isinstance(started, CallStarted)
    assert [channel.leg_id for channel in started.channels] == ["inbound"]
    with pytest.raises(MediaMessageError, match="a track of"):
        stream.push(next(line for line in lines("telnyx") if '"outbound"' in line))


@pytest.mark.parametrize("encoding", ["AMR-WB", "G729"])
def test_a_codec_that_is_not_decoded_is_refused_by_name(encoding: str) -> None:
    start = lines("telnyx")[1].replace("PCMU", encoding)
    with pytest.raises(MediaMessageError, match=f"an encoding of .*got {encoding}") as refused:
        MediaStream(load_dialect("telnyx")).push(start)
    assert refused.value.fatal


@pytest.mark.parametrize("encoding", ["G722", "OPUS"])
def test_a_codec_with_a_state_is_decoded_in_the_order_of_its_numbers(encoding: str) -> None:
    """A tone in 20 ms chunks, neighbours swapped: decoded as it came it would click at every chunk."""
    time_s = np.arange(16_000) / 16_000
    tone = (9000 * np.sin(2 * np.pi * 440 * time_s)).astype(np.int16)
    coded = encode(encoding, tone)
    start, media = json.loads(lines("telnyx")[1]), json.loads(lines("telnyx")[2])
    start["start"]["media_format"]["encoding"] = encoding
    stream = MediaStream(load_dialect("telnyx"), options=StreamOptions(tracks=("inbound",)))
    events = stream.push(json.dumps(start))
    for number in [n ^ 1 for n in range(len(coded) // 2 * 2)]:
        media["media"] |= {"track": "inbound", "chunk": str(number + 1), "timestamp": str(number * 20)}
        media["media"]["payload"] = base64.b64encode(coded[number]).decode()
        events += stream.push(json.dumps(media))
    samples, there = assemble(events + stream.close())
    assert there.all()
    assert samples.shape[1] == 16_000 // 320 // 2 * 2 * 320
    spectrum = np.abs(np.fft.rfft(samples[0, 3200:12_800].astype(np.float64)))
    at = round(440 * 9600 / 16_000)
    assert spectrum[at - 3 : at + 4].sum() > 20 * np.delete(spectrum, range(at - 40, at + 41)).max()


def encode(name: str, tone: NDArray[np.int16]) -> list[bytes]:
    """20 ms packets of G.722 or Opus."""
    context = av.CodecContext.create({"G722": "g722", "OPUS": "libopus"}[name], "w")
    assert isinstance(context, AudioCodecContext)
    context.sample_rate = 16_000
    context.layout = "mono"
    context.format = "s16"
    packets: list[bytes] = []
    for place in range(0, len(tone), 320):
        frame = av.AudioFrame.from_ndarray(tone[None, place : place + 320], format="s16", layout="mono")
        frame.sample_rate = 16_000
        frame.pts = place
        packets += [bytes(packet) for packet in context.encode(frame)]
    packets += [bytes(packet) for packet in context.encode(None)]
    return packets[: len(tone) // 320]


@pytest.mark.parametrize("given", [None, "wrong", 7, ["s3cret"]])
def test_a_call_without_the_trunks_token_is_refused(given: object) -> None:
    message = json.loads(lines("telnyx")[1])
    message["start"]["custom_parameters"]["token"] = given
    options = StreamOptions(token="s3cret")
    with pytest.raises(MediaMessageError, match="token") as refused:
        MediaStream(load_dialect("telnyx"), options=options).push(json.dumps(message))
    assert refused.value.fatal
    assert "s3cret" not in str(refused.value) + repr(options)
    message["start"]["custom_parameters"]["token"] = "s3cret"
    assert MediaStream(load_dialect("telnyx"), options=options).push(json.dumps(message))


def test_audio_without_numbers_that_pauses_leaves_a_gap() -> None:
    times = [10.0]
    stream = MediaStream(load_dialect("bandwidth"), clock_s=lambda: times[0])
    start, *media = lines("bandwidth")
    inbound = next(line for line in media if '"inbound"' in line)
    events = stream.push(start)
    for at_s in (*(10.02 + n * 0.02 for n in range(50)), *(12.02 + n * 0.02 for n in range(50))):
        times[0] = at_s
        events += stream.push(inbound)
        events += stream.tick()
    times[0] = 13.0
    events += stream.close()
    samples, there = assemble(events)
    assert samples.shape[1] == 3 * 8000
    assert there[1].sum() == 2 * 8000
    assert not there[1, 8000:16_000].any()


def test_big_endian_samples_are_read_as_such() -> None:
    dialect = load_dialect("plivo")
    turned = {**dialect.encodings, "audio/x-l16": "pcm_s16be"}
    stream = MediaStream(dataclasses.replace(dialect, encodings=turned))
    events = [event for line in lines("plivo") for event in stream.push(line)]
    samples, _ = assemble(events)
    assert int(samples[1, 0]) == int.from_bytes((200).to_bytes(2, "little"), "big", signed=True)
