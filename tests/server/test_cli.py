"""Exit codes and one-line errors of the commands, without models or sockets of their own."""

import errno
import json
import socket
import subprocess
import sys
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


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    code = cli.run(list(arguments))
    came = capsys.readouterr()
    assert code == exits.UNUSABLE
    assert came.out == ""
    assert came.err.startswith("koemori: ")
    assert came.err.count("\n") == 1
    return came.err


def _wav(path: Path, rate_hz: int = 8000, subtype: str = "PCM_16") -> Path:
    soundfile.write(path, np.zeros((rate_hz, 2), dtype=np.int16), rate_hz, subtype=subtype, format="WAV")
    return path


def test_help_and_version_are_quick_to_have() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from koemori.server.cli import main; main()", "--version"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout.split()[0], done.stderr) == (0, "koemori", "")
    heavy = ("fastapi", "sqlalchemy", "soxr", "soundfile")
    code = f"import sys, koemori.server.cli; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_every_command_of_the_contract_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    text = capsys.readouterr().out
    for name in (
        "serve",
        "demo",
        "replay",
        "analyze",
        "recover",
        "doctor",
        "db",
        "user",
        "weights",
        "bench",
        "playbook",
    ):
        assert f"\n  {name}" in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("frob",), "frob"),
        (("replay",), "files"),
        (("replay", "absent.wav"), "absent.wav: expected an audio file"),
        (("replay", "absent.wav", "--speed", "0"), "--speed: expected 1, another number above 0"),
        (("replay", "absent.wav", "--speed", "fast"), "or max; got 'fast'"),
        (
            ("replay", "absent.wav", "--roles", "agent"),
            "--roles: expected agent,customer or customer,agent or mono",
        ),
        (
            ("replay", "absent.wav", "--config", "absent.toml"),
            "absent.toml: expected a readable settings file",
        ),
        (("analyze", "absent.jsonl"), "absent.jsonl: expected a file of utterance lines"),
        (("user", "add", "a", "--role", "king"), "--role: expected agent or supervisor or legal"),
        (("user", "add", "a", "--role", "agent", "--locale", "fr"), "--locale: expected ja or en"),
        (("bench", "detectors", "absent"), "absent: expected a folder with utterances"),
    ],
)
def test_unusable_input_is_one_line_and_exit_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    assert sentence in _refused(capsys, *arguments)


def test_files_that_are_no_calls_are_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("これは音声ではありません", encoding="utf-8")
    (tmp_path / "video.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(64))
    _wav(tmp_path / "deep.wav", subtype="PCM_24")
    _wav(tmp_path / "fast.wav", rate_hz=96_000)
    whole = _wav(tmp_path / "whole.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[:20_000])
    for name, came in {
        "empty.wav": "empty",
        "text.wav": "WAV",
        "video.mp4": "video",
        "deep.wav": "PCM_24",
        "fast.wav": "96000 Hz",
        "cut.wav": "samples",
    }.items():
        assert came in _refused(capsys, "replay", name, "--speed", "max")
    assert "channel" in _refused(capsys, "replay", "whole.wav", "--roles", "mono")
    assert not (tmp_path / "var").exists()


def test_a_busy_port_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        assert f"port {port}: expected a free port; got one that another program uses" in _refused(
            capsys, "serve", "--port", port
        )


def test_recover_with_nothing_to_do_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["recover", "--archive", str(tmp_path / "archive")]) == 0
    assert capsys.readouterr().out == ""


def test_a_file_where_a_folder_should_be_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    place = str(tmp_path / "file")
    assert "a folder of journals and recordings" in _refused(capsys, "recover", "--archive", place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KOEMORI_DATABASE__URL", f"sqlite:///{place}/koemori.db")
        assert "database: expected one" in _refused(capsys, "db", "upgrade")


def test_any_refusal_of_the_system_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotADirectoryError(errno.ENOTDIR, "", "demo")

    monkeypatch.setattr(cli, "app", refuse)
    assert _refused(capsys, "demo") == "koemori: demo: Not a directory\n"


def test_accounts_are_made_changed_and_barred(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import io

    def typed(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    typed("correct horse battery\n")
    assert cli.run(["user", "add", "hanako", "--role", "agent", "--password-stdin"]) == 0
    typed("another good password\n")
    assert cli.run(["user", "passwd", "hanako", "--password-stdin"]) == 0
    assert cli.run(["user", "disable", "hanako"]) == 0
    typed("short\n")
    assert "password" in _refused(capsys, "user", "add", "taro", "--role", "legal", "--password-stdin")
    typed("")
    assert "a line on stdin" in _refused(capsys, "user", "add", "taro", "--role", "legal", "--password-stdin")
    assert "a terminal, or --password-stdin" in _refused(capsys, "user", "passwd", "hanako")


def test_db_upgrade_may_run_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["db", "upgrade"]) == 0
    assert cli.run(["db", "upgrade"]) == 0
    assert "database is at schema" in capsys.readouterr().err


def test_doctor_says_what_is_wrong_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KOEMORI_MODELS__CACHE_DIR", str(tmp_path / "no-models"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setenv("KOEMORI_SERVER__PORT", str(other.getsockname()[1]))
        assert cli.run(["doctor", "--json"]) == exits.FAILED
    rows = {row["check"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert rows["weights"]["state"] == rows["port"]["state"] == "failed"
    assert rows["weights"]["advice"] == "koemori weights fetch"
    assert rows["codecs"]["state"] == rows["disk"]["state"] == "ok"
