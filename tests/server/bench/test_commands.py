"""The commands refuse what they cannot measure, in one line."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from koemori.server import cli
from koemori.server.commands import exits

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Default paths are relative: keep them out of the checkout."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("latency",), "files"),
        (("latency", "absent.wav"), "absent.wav: expected an audio file"),
        (("latency", "x.wav", "--speed", "max"), "--speed: expected a number, because latency needs a clock"),
        (("latency", "x.wav", "--speed", "0"), "--speed: expected 1, another number above 0"),
        (("latency", "x.wav", "--long", "0.01"), "--long: expected minutes from 0.1 to 1440"),
        (("latency", "x.wav", "--long", "5", "--rounds", "2"), "--rounds: expected to be left out"),
        (("capacity", "x.wav", "--calls", "1,many"), "--calls: expected whole numbers from 1 to 500"),
        (("capacity", "x.wav", "--calls", "0"), "--calls: expected whole numbers from 1 to 500"),
        (("capacity", "x.wav", "--partials", "some"), "--partials: expected auto or off; got 'some'"),
        (("capacity", "x.wav", "--seconds", "3"), "--seconds"),
        (("accuracy", "absent.flac"), "absent.flac: expected an audio file"),
        (("accuracy", "."), "expected a folder with WAV or FLAC calls; got a folder without"),
        (
            ("accuracy", "unscripted.wav"),
            "unscripted.wav: expected a script with the text of its turns",
        ),
        (("report", "absent.json"), "absent.json: expected a result of bench latency, capacity"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if "unscripted.wav" in arguments:
        soundfile.write(tmp_path / "unscripted.wav", np.zeros((800, 2), dtype=np.int16), 8000)
    assert cli.run(["bench", *arguments]) == exits.UNUSABLE
    came = capsys.readouterr()
    assert came.out == ""
    assert sentence in came.err
    assert came.err.count("\n") == 1


def test_a_broken_script_is_refused_before_anything_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soundfile.write(tmp_path / "c.wav", np.zeros((800, 2), dtype=np.int16), 8000)
    (tmp_path / "c.json").write_text(json.dumps({"turns": [{"speaker": "agent"}]}), encoding="utf-8")
    assert cli.run(["bench", "latency", "c.wav"]) == exits.UNUSABLE
    assert 'c.json: expected "turns" with speaker, start and end' in capsys.readouterr().err
