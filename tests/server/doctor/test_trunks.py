"""`koemori doctor trunks`: settings that will fail, counters of a running service, languages, watching."""

from __future__ import annotations

import json
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from koemori.server import cli
from koemori.server.capture.faults import Trunk
from koemori.server.capture.trunk import TrunkStatus
from koemori.server.capture.trunk_metrics import observe_trunks
from koemori.server.commands import exits
from koemori.server.config import Settings
from koemori.server.doctor import trunks
from koemori.server.doctor.trunk_settings import check_settings, load_rows
from koemori.server.doctor.trunks import Standing, TrunkRounds, language_of, read_standing
from koemori.server.telemetry import Metrics

from tests.support.service import free_port

pytestmark = pytest.mark.integration

EVERYBODY = ["0.0.0.0/0"]


def codes(
    trunk: dict[str, object], *, public_url: str | None = None, running: bool = False, **others: object
) -> set[str]:
    settings = Settings.model_validate({"trunks": {"line": trunk, **others}})
    found = check_settings(
        Trunk("line", settings.trunks["line"], public_url),
        settings.trunks,
        datetime.now(UTC),
        running=running,
    )
    assert all(finding.came.ja and finding.came.en and finding.advice.ja for finding in found)
    return {finding.code for finding in found}


def siprec(**more: object) -> dict[str, object]:
    return {"kind": "siprec", "port": free_port(), "tls_port": free_port(), "max_calls": 100, **more}


def certificate(folder: Path, days: int) -> dict[str, object]:
    key, chain = folder / "key.pem", folder / "cert.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=localhost",
        "-days",
        str(days),
    ]
    subprocess.run([*command, "-keyout", str(key), "-out", str(chain)], check=True, capture_output=True)
    return {"transports": ["tls"], "tls_key": key, "tls_certificate": chain}


def test_a_good_trunk_has_nothing_to_be_said() -> None:
    assert codes(siprec()) == set()


def test_certificates_are_read_and_their_days_counted(tmp_path: Path) -> None:
    good = certificate(tmp_path, 90)
    assert codes(siprec(**good)) == set()
    assert codes(siprec(**{**good, "tls_key": tmp_path / "cert.pem"})) == {"certificate-unreadable"}
    soon = certificate(tmp_path, 3)
    assert codes(siprec(**soon)) == {"certificate-ends"}
    settings = Settings.model_validate({"trunks": {"line": siprec(**soon)}}).trunks
    for days, code in ((9, "certificate-expired"), (-9, "certificate-early")):
        at = datetime.now(UTC) + timedelta(days=days)
        (found,) = check_settings(Trunk("line", settings["line"]), settings, at, running=False)
        assert found.code == code


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_of_another_program_is_named(kind: socket.SocketKind) -> None:
    transport = "udp" if kind is socket.SOCK_DGRAM else "tcp"
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            other.listen()
        line = siprec(port=other.getsockname()[1], transports=[transport])
        assert codes(line) == {"port-taken"}
        assert codes(line, running=True) == set()
    assert codes(line, running=True) == {"port-not-held"}


def test_secrets_must_be_readable_long_and_private(tmp_path: Path) -> None:
    token = tmp_path / "token"
    line = {"kind": "stream", "token_file": token}
    assert codes(line) == {"secret-unreadable"}
    token.write_text("short\n")
    token.chmod(0o644)
    assert codes(line) == {"secret-short", "secret-open"}
    token.write_text("q" * 32)
    token.chmod(0o600)
    assert codes(line) == set()
    assert codes({**line, "allow": EVERYBODY}) == {"wide-allow"}
    assert codes({"kind": "stream", "allow": EVERYBODY}) == {"admits-everybody"}


def test_signed_trunks_need_the_address_that_was_signed(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("q" * 32)
    key.chmod(0o600)
    assert codes({"kind": "stream", "auth_token_file": key}) == {"public-url-missing"}
    hook = {"kind": "audiohook", "api_key_file": key}
    assert codes(hook) == {"public-url-missing"}
    assert codes(hook, public_url="http://koe.example.jp") == {"public-url-plain"}
    assert codes(hook, public_url="https://koe.example.jp") == set()


def test_media_ports_must_be_enough_and_one_trunk_s_own() -> None:
    assert codes(siprec(media_port_first=20_000, media_port_last=20_099)) == {"ports-few"}
    rtp = {"kind": "rtp", "media_port_first": 29_000, "media_port_last": 29_999}
    assert codes(siprec(), other=rtp) == {"ports-overlap"}


def test_every_row_is_used_by_a_check() -> None:
    source = Path(check_settings.__code__.co_filename).read_text(encoding="utf-8")
    assert {code for code in load_rows() if f'"{code}"' not in source} == set()


def test_counters_come_back_from_the_text_of_metrics() -> None:
    now = datetime.now(UTC)
    status = TrunkStatus(calls_live=2, calls_taken=9, opened_at=now - timedelta(hours=1))
    status.problems["no-media"] = 3
    status.last_media_at = now - timedelta(seconds=7)
    metrics = Metrics()
    observe_trunks(metrics, {"sbc": status})
    metrics.trunk_refusals.labels("sbc", "bad-token").inc(4)
    text = metrics.render()[0].decode()
    read = read_standing(text, now)["sbc"]
    assert (read.calls_live, read.calls_taken) == (2, 9)
    assert (read.problems, read.refused) == ({"no-media": 3}, {"bad-token": 4})
    assert read.last_call_at is None
    assert read.last_media_at is not None
    assert abs(read.last_media_at - status.last_media_at) < timedelta(seconds=30)


def test_a_second_round_says_only_what_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    status = TrunkStatus(calls_taken=1)
    monkeypatch.setattr(trunks, "ask_service", lambda _settings: Standing({"media": status}))
    rounds = TrunkRounds(Settings(), "ja")
    assert [finding.state for finding in rounds.look()] == ["ok", "ok"]
    assert list(rounds.look()) == []
    status.problems["one-way"] = 1
    (found,) = rounds.look()
    assert (found.state, found.check) == ("failed", "media")
    assert found.came.startswith("片方の声しか届かない通話が1件")
    assert list(rounds.look()) == []


def test_the_command_speaks_the_language_it_is_told_and_fails_on_what_spoils_calls(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "koemori.toml"
    config.write_text(
        f'[server]\nport = {free_port()}\n[trunks.media]\nallow = ["0.0.0.0/0"]\n', encoding="utf-8"
    )
    command = ["doctor", "trunks", "--json", "--config", str(config), "--language"]
    assert cli.run([*command, "en"]) == exits.FAILED
    service, line = (json.loads(row) for row in capsys.readouterr().out.splitlines())
    assert (service["check"], service["state"]) == ("service", "warning")
    assert (line["check"], line["figures"]["code"]) == ("media", "admits-everybody")
    assert line["came"].startswith("everybody may send calls")
    assert cli.run([*command, "ja"]) == exits.FAILED
    assert "だれからの通話でも受ける設定です" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "ja"),
        ({"LANG": "C.UTF-8"}, "ja"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "en_US", "LC_ALL": "ja_JP"}, "ja"),
    ],
)
def test_the_language_is_the_terminal_s(environment: dict[str, str], language: str) -> None:
    assert language_of(environment) == language
