"""Messages that cannot be used: one clear error each, nothing lost, and the stream goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.audio.errors import MediaMessageError
from koemori.audio.frames import AudioFrame
from koemori.audio.ingest.dialects.load import load_dialect
from koemori.audio.ingest.stream import MediaLimits, MediaStream

from tests.fakes.media import STOP, media, start

pytestmark = pytest.mark.unit
TWILIO = load_dialect("twilio")


def changed(message: str, **fields: Any) -> str:
    body = json.loads(message)
    for key, value in fields.items():
        if value is None:
            body["media"].pop(key)
        else:
            body["media"][key] = value
    return json.dumps(body)


BAD_MEDIA = {
    "not JSON": "{",
    "not an object": "[1, 2]",
    "deeply nested": "[" * 30_000,
    "unknown event": '{"event":"surprise"}',
    "event of a wrong type": '{"event":{"a":1}}',
    "no event": "{}",
    "media without fields": '{"event":"media","media":{}}',
    "media that is text": '{"event":"media","media":"x"}',
    "unknown track": changed(media("inbound", 2), track="third"),
    "track of a wrong type": changed(media("inbound", 2), track=["inbound"]),
    "no track": changed(media("inbound", 2), track=None),
    "no chunk number": changed(media("inbound", 2), chunk=None),
    "negative chunk number": changed(media("inbound", 2), chunk="-2"),
    "chunk number that is no number": changed(media("inbound", 2), chunk="two"),
    "chunk number in other digits": changed(media("inbound", 2), chunk="２"),
    "endless chunk number": changed(media("inbound", 2), chunk="9" * 400),
    "fractional timestamp": changed(media("inbound", 2), timestamp=20.5),
    "boolean timestamp": changed(media("inbound", 2), timestamp=True),
    "no payload": changed(media("inbound", 2), payload=None),
    "wrong base64": changed(media("inbound", 2), payload="@@@@"),
    "cut base64": changed(media("inbound", 2), payload="QUJ"),
    "base64 of other letters": changed(media("inbound", 2), payload="あいうえ"),
    "payload of a wrong type": changed(media("inbound", 2), payload=[1, 2]),
    "oversized payload": changed(media("inbound", 2), payload="A" * 48_000),
    "oversized message": changed(media("inbound", 2), payload="A" * 70_000),
    "another stream": media("inbound", 2).replace("MZ1", "MZ2"),
    "a second start": start(),
}


@pytest.mark.parametrize("name", BAD_MEDIA)
def test_bad_message_is_refused_and_the_stream_goes_on(name: str) -> None:
    stream = MediaStream(TWILIO)
    stream.push(start())
    first = stream.push(media("inbound", 1))
    with pytest.raises(MediaMessageError) as refused:
        stream.push(BAD_MEDIA[name])
    assert not refused.value.fatal
    assert "expected" in str(refused.value)
    assert "got" in str(refused.value)
    second = stream.push(media("inbound", 2))
    kept = [event.start_sample for event in first + second if isinstance(event, AudioFrame)]
    assert kept == [0, 160]
    assert stream.refused_messages == 1


@pytest.mark.parametrize(
    "bad",
    [
        start(encoding="audio/opus"),
        start(encoding=None),
        start(sampleRate=96_000),
        start(sampleRate="fast"),
        start(channels=2),
        start("inbound", "inbound"),
        start("third"),
        start("inbound", "outbound", "inbound"),
        start().replace('"tracks": ["inbound", "outbound"]', '"tracks": 3'),
        start().replace("MZ1", ""),
    ],
)
def test_start_that_names_no_usable_audio_is_fatal(bad: str) -> None:
    stream = MediaStream(TWILIO)
    with pytest.raises(MediaMessageError) as refused:
        stream.push(bad)
    assert refused.value.fatal
    assert stream.close("disconnected") == []


@pytest.mark.parametrize("early", [media("inbound", 1), STOP])
def test_messages_before_start_are_refused(early: str) -> None:
    stream = MediaStream(TWILIO)
    with pytest.raises(MediaMessageError, match="start before"):
        stream.push(early)
    assert stream.push(start())


def test_nothing_goes_on_after_stop() -> None:
    stream = MediaStream(TWILIO)
    stream.push(start())
    stream.push(STOP)
    assert stream.ended
    with pytest.raises(MediaMessageError, match="after stop"):
        stream.push(media("inbound", 1))
    with pytest.raises(MediaMessageError, match="one start"):
        stream.push(start())
    assert stream.push(STOP) == []


def test_half_a_sample_is_refused() -> None:
    stream = MediaStream(TWILIO)
    stream.push(start(encoding="audio/x-l16"))
    with pytest.raises(MediaMessageError, match="whole 2-byte samples"):
        stream.push(media("inbound", 1, body=b"\x01\x02\x03"))


def test_limits_can_be_set() -> None:
    stream = MediaStream(TWILIO, MediaLimits(message_characters=10))
    with pytest.raises(MediaMessageError, match="at most 10 characters"):
        stream.push(start())


def test_error_does_not_repeat_what_was_sent() -> None:
    stream = MediaStream(TWILIO)
    stream.push(start())
    with pytest.raises(MediaMessageError) as refused:
        stream.push('{"event":"0312345678"}')
    assert "0312345678" not in str(refused.value)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.lists(
        st.one_of(
            st.text(max_size=60),
            st.builds(json.dumps, JSON_VALUES),
            st.builds(
                lambda event, body: json.dumps({"event": event, event: body}),
                st.sampled_from(["start", "media", "stop", "mark", "connected"]),
                st.dictionaries(
                    st.sampled_from(
                        ["track", "chunk", "timestamp", "payload", "streamSid", "tracks", "mediaFormat"]
                    ),
                    JSON_VALUES,
                ),
            ),
            st.just(start()),
            st.integers(1, 40).map(lambda n: media("inbound", n)),
        ),
        max_size=20,
    )
)
@settings(max_examples=150, deadline=None)
def test_any_text_is_taken_or_refused_and_nothing_else(messages: list[str]) -> None:
    stream = MediaStream(TWILIO)
    for message in messages:
        try:
            stream.push(message)
        except MediaMessageError:
            continue
    stream.close("disconnected")
