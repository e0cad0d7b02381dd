"""Utterance lines become assist events; a line that is none is named, never quoted."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.assist.types import CallFacts, Heard, Tick
from koemori.server import cli
from koemori.server.calls.analyze import Analysis, LineError, UtteranceLine, read_lines
from koemori.server.calls.ports import Engine

from tests.fakes.calls import FakeEngine

pytestmark = pytest.mark.unit

GOOD: dict[str, Any] = {
    "call_id": "a",
    "speaker": "customer",
    "start_ms": 0,
    "end_ms": 900,
    "text": "秘密の言葉",
}


def _raw(**changes: object) -> bytes:
    row = {key: value for key, value in {**GOOD, **changes}.items() if value is not ...}
    return json.dumps(row, ensure_ascii=False).encode()


def _read(*lines: bytes) -> list[UtteranceLine]:
    return list(read_lines(lines, "stdin"))


@pytest.fixture
def engines() -> dict[str, FakeEngine]:
    return {}


@pytest.fixture
def analysis(engines: dict[str, FakeEngine]) -> Analysis:
    def make(facts: CallFacts) -> Engine:
        return engines.setdefault(facts.call_id, FakeEngine())

    return Analysis(make)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"{", "expected one JSON object; got something that is not JSON"),
        (b"[1]", "expected one JSON object; got JSON of another kind"),
        (b'{"call_id": "\xff"}', "expected UTF-8 text; got other bytes"),
        (_raw(call_id=...), 'expected a text for "call_id"; got no such key'),
        (_raw(call_id=""), 'expected a text for "call_id"; got a text'),
        (_raw(speaker="bot"), 'expected "agent" or "customer" for "speaker"; got a text'),
        (_raw(start_ms="0"), 'expected whole milliseconds for "start_ms"; got a text'),
        (_raw(start_ms=True), 'expected whole milliseconds for "start_ms"; got true or false'),
        (_raw(end_ms=0.5), 'expected whole milliseconds for "end_ms"; got a number'),
        (_raw(start_ms=-1), 'expected 0 to 86400000 for "start_ms"; got a number outside'),
        (_raw(end_ms=10**12), 'expected 0 to 86400000 for "end_ms"; got a number outside'),
        (_raw(start_ms=901), 'expected "end_ms" not before "start_ms"; got 900 before 901'),
        (_raw(text=None), 'expected a text of at most 20000 characters for "text"; got null'),
        (_raw(text="あ" * 20_001), 'expected a text of at most 20000 characters for "text"; got a text'),
        (b"[" * 100_000, "expected one JSON object"),
    ],
)
def test_a_bad_line_is_named_with_what_was_expected(raw: bytes, expected: str) -> None:
    with pytest.raises(LineError) as caught:
        _read(_raw(), b"\n", raw)
    assert str(caught.value).startswith("stdin: line 3: ")
    assert expected in str(caught.value)
    assert "秘密" not in str(caught.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_lines_or_one_clear_error(raw: bytes) -> None:
    sentence = ""
    try:
        _read(*raw.splitlines(keepends=True))
    except LineError as error:
        sentence = str(error)
    assert "\n" not in sentence


def test_unknown_keys_and_a_byte_order_mark_are_passed_over() -> None:
    (line,) = _read(b"\xef\xbb\xbf" + _raw(later={"x": 1}))
    assert line.text == "秘密の言葉"


def test_calls_may_interleave_and_each_is_numbered_on_its_own(analysis: Analysis) -> None:
    lines = _read(_raw(), _raw(call_id="b"), _raw(start_ms=1000, end_ms=1900))
    events = [event for line in lines for event in analysis.hear(line)] + list(analysis.close())
    assert [(event.call_id, event.seq, event.type) for event in events] == [
        ("a", 1, "alert"),
        ("b", 1, "alert"),
        ("a", 2, "alert"),
        ("a", 3, "case"),
        ("b", 2, "case"),
    ]


def test_media_time_ticks_between_lines(analysis: Analysis, engines: dict[str, FakeEngine]) -> None:
    for line in _read(_raw(), _raw(start_ms=3100, end_ms=3900)):
        list(analysis.hear(line))
    assert [one.at_ms for one in engines["a"].inputs if isinstance(one, Tick)] == [1000, 2000, 3000]


def test_utterances_get_ids_that_tell_them_apart(analysis: Analysis, engines: dict[str, FakeEngine]) -> None:
    for line in _read(_raw(), _raw(), _raw(speaker="agent"), _raw(utterance_id="mine")):
        list(analysis.hear(line))
    names = [one.utterance_id for one in engines["a"].inputs if isinstance(one, Heard)]
    assert names == ["1-0", "1-0.2", "0-0", "mine"]


@pytest.fixture
def threat(tmp_path: Path) -> Path:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(_raw(text="殺すぞ、お前の家に行くからな") + b"\n")
    return path


def test_the_command_writes_alerts_and_a_final_case(threat: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["analyze", str(threat)]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    alert = next(event for event in events if event["type"] == "alert")
    assert (alert["category"], alert["severity"]) == ("threat", 3)
    assert alert["quote"] in "殺すぞ、お前の家に行くからな"
    assert events[-1]["type"] == "case"


def test_the_command_refuses_a_bad_line_with_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"nonsense\n")
    assert cli.run(["analyze", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
