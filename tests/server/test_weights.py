"""`koemori weights`: fetch, list and verify, with small models in folders of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from koemori.models.model_cache import note_origin
from koemori.models.model_folder import folder_digest
from koemori.server import cli
from koemori.server.commands import exits

from tests.fakes.whisper_folder import write_whisper_folder

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that holds one model of the hub, and no other source."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KOEMORI_MODELS__CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KOEMORI_MODELS__WHEELS", "false")
    monkeypatch.setenv("KOEMORI_MODELS__HUB", "false")
    note_origin(write_whisper_folder(tmp_path / "cache" / "owner--name"), "owner/name", "c0ffee" * 6 + "1234")
    return tmp_path / "cache"


def test_fetch_prints_the_folder_of_each_model(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = write_whisper_folder(cache.parent / "small")
    monkeypatch.setenv("KOEMORI_MODELS__NAME", "owner/name")
    monkeypatch.setenv("KOEMORI_MODELS__PARTIAL_MODEL", str(small))
    assert cli.run(["weights", "fetch"]) == exits.OK
    assert capsys.readouterr().out.splitlines() == [str(cache / "owner--name"), str(small)]


def test_a_name_on_the_command_line_has_its_own_pin(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KOEMORI_MODELS__SHA256", "0" * 64)
    assert cli.run(["weights", "fetch", "owner/name"]) == exits.OK
    assert cli.run(["weights", "fetch", "owner/name", "--sha256", "1" * 64]) == exits.UNUSABLE
    came = capsys.readouterr()
    assert f"expected sha256 {'1' * 64}; got {folder_digest(cache / 'owner--name')}" in came.err
    monkeypatch.setenv("KOEMORI_MODELS__NAME", "owner/name")
    assert cli.run(["weights", "fetch", "owner/name"]) == exits.UNUSABLE


def test_a_model_that_no_source_has_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["weights", "fetch", "small"]) == exits.UNUSABLE
    came = capsys.readouterr()
    assert came.out == ""
    assert came.err.count("\n") == 1
    assert "hub: not switched on" in came.err


def test_list_shows_the_catalogue_and_what_came_from_the_hub(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["weights", "list", "--json"]) == exits.OK
    rows = {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}
    assert {"base", "small", "large-v3-turbo", "kotoba-v2", "owner/name"} <= set(rows)
    assert (rows["base"]["here"], rows["owner/name"]["here"]) == (False, True)
    assert rows["base"]["licence"] == "MIT"
    assert cli.run(["weights", "list"]) == exits.OK
    assert "hub model at c0ffeec0ffee, trusted as it came" in capsys.readouterr().out


def test_verify_prints_what_to_pin_and_finds_a_changed_file(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = cache / "owner--name"
    assert cli.run(["weights", "verify", "owner/name"]) == exits.OK
    assert f'sha256 = "{folder_digest(folder)}"' in capsys.readouterr().out
    (folder / "tokenizer.json").write_text("[1]")
    assert cli.run(["weights", "verify", "owner/name", "--json"]) == exits.FAILED
    row = json.loads(capsys.readouterr().out)
    assert row["ok"] is False
    assert "tokenizer.json: expected sha256" in row["problem"]
    assert cli.run(["weights", "verify"]) == exits.FAILED
    assert "expected its files on this machine" in capsys.readouterr().out
