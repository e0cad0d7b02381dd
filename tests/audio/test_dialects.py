"""A dialect is data: the one that ships fits, a new one is only a TOML file, and mistakes are told."""

from __future__ import annotations

from importlib.resources import files

import pytest
from koemori.audio.call import CallStarted
from koemori.audio.frames import AudioFrame
from koemori.audio.ingest.dialects.load import load_dialect, parse_dialect
from koemori.audio.ingest.stream import MediaStream

pytestmark = pytest.mark.unit
TWILIO_TEXT = (files("koemori.audio.ingest.dialects") / "twilio.toml").read_text(encoding="utf-8")

SNAKE_TEXT = """
name = "snake"
version = 1
source = "nobody"
event = ["type"]
first_chunk = 0
timestamp_unit = "ms"
timestamp_origin = "stream"
track_suffix = ""
signature = "none"
signature_header = ""
[events]
begin = "start"
audio = "media"
end = "stop"
[start]
stream_id = ["stream_id"]
call_id = ["begin.call_control_id"]
tracks = ["begin.tracks"]
encoding = ["begin.media_format.encoding"]
sample_rate_hz = ["begin.media_format.sample_rate"]
channels = ["begin.media_format.channels"]
parameters = ["begin.custom"]
[media]
stream_id = ["stream_id"]
track = ["audio.track"]
chunk = ["audio.chunk"]
timestamp = ["audio.timestamp"]
payload = ["audio.payload"]
[key]
digit = []
track = []
[parameters]
agent_id = "agent"
queue = "queue"
customer_number = "from"
track_roles = "roles"
token = "token"
[encodings]
PCMA = "alaw"
[roles]
inbound = "customer"
outbound = "agent"
"""


def test_twilio_ships_with_the_product() -> None:
    dialect = load_dialect("twilio")
    assert (dialect.name, dialect.first_chunk) == ("twilio", 1)
    assert dialect.events["dtmf"] == "key"


@pytest.mark.parametrize("name", ["none_such", "../twilio", "", "load.py"])
def test_an_unknown_dialect_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected a dialect"):
        load_dialect(name)


def test_another_providers_spelling_needs_no_code() -> None:
    stream = MediaStream(parse_dialect(SNAKE_TEXT))
    (started,) = stream.push(
        '{"type":"begin","stream_id":"s","begin":{"call_control_id":"c","tracks":["inbound"],'
        '"media_format":{"encoding":"PCMA","sample_rate":8000,"channels":1}}}'
    )
    assert isinstance(started, CallStarted)
    (frame,) = stream.push(
        '{"type":"audio","stream_id":"s","audio":{"track":"inbound","chunk":0,"timestamp":0,"payload":"1VU="}}'
    )
    assert isinstance(frame, AudioFrame)
    assert frame.samples.tolist() == [8, -8]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("version = 2\n", ""),
        ("version = 2\n", "version = 2\nsurprise = 2\n"),
        ('timestamp_unit = "ms"', 'timestamp_unit = "days"'),
        ('"start.streamSid", "streamSid"', ""),
        ('track = ["media.track"]', 'trakc = ["media.track"]'),
        ('= "mulaw"', '= "g729"'),
        ('inbound = "customer"', 'inbound = "boss"'),
        ('queue = "queue"', "queue = 3"),
        ('stop = "stop"', 'stop = "halt"'),
    ],
)
def test_a_mistake_in_a_dialect_is_told(before: str, after: str) -> None:
    assert before in TWILIO_TEXT
    with pytest.raises(ValueError, match="dialect: expected"):
        parse_dialect(TWILIO_TEXT.replace(before, after, 1))
