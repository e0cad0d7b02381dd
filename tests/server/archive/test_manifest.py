"""Verification finds any change, says which file and what, and never trips over what it finds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from koemori.audio.journal import Journal
from koemori.server.archive.flac import decode_pcm
from koemori.server.archive.manifest import (
    MANIFEST_NAME,
    MASTER_NAME,
    Check,
    manifest_bytes,
    read_manifest,
    verify_recording,
)
from koemori.server.archive.sealing import SealedRecording, seal_call
from koemori.server.archive.store import LocalRecordingStore

from tests.fakes.recorded import ended, new_call, steps

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> SealedRecording:
    root = tmp_path_factory.mktemp("archive")
    journal = Journal(root / "journal")
    call = new_call()
    recorder = journal.open_call(call)
    for event in steps(call, 0, 20):
        recorder.push(event)
    recorder.close(ended(call.call_id, 400)).result(10)
    made = seal_call(journal, call.call_id, LocalRecordingStore(root))
    journal.close()
    return made


@pytest.fixture
def copy(recording: SealedRecording, tmp_path: Path) -> Path:
    shutil.copytree(recording.directory, tmp_path / "copy")
    for path in (tmp_path / "copy").iterdir():
        path.chmod(0o600)
    return tmp_path / "copy"


def failed(directory: Path, **known: Any) -> list[Check]:
    result = verify_recording(directory, decode=decode_pcm, **known)
    assert result.ok == (not result.failures())
    return list(result.failures())


def test_an_untouched_recording_passes_every_check(recording: SealedRecording) -> None:
    result = verify_recording(
        recording.directory, decode=decode_pcm, expected_manifest_sha256=recording.manifest_sha256
    )
    assert result.ok
    assert [check.name for check in result.checks] == [
        "manifest-self-hash",
        "manifest-sha256",
        "schema",
        "file-size",
        "file-sha256",
        "sample-count",
        "pcm-sha256",
        "ledger-samples-channel-0",
        "ledger-ms-channel-0",
        "ledger-samples-channel-1",
        "ledger-ms-channel-1",
    ]


def test_without_a_decoder_the_files_hash_is_still_checked(copy: Path) -> None:
    names = [check.name for check in verify_recording(copy).checks]
    assert "file-sha256" in names
    assert "pcm-sha256" not in names


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_flipped_bit_anywhere_is_found_and_named(copy: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([MASTER_NAME, MANIFEST_NAME]))
    original = (copy / name).read_bytes()
    raw = bytearray(original)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    known = verify_recording(copy).manifest_sha256
    (copy / name).write_bytes(raw)
    failures = failed(copy, expected_manifest_sha256=known)
    (copy / name).write_bytes(original)
    assert any(check.file == name and check.expected != check.came for check in failures)


def test_a_flipped_byte_of_the_master_says_what_was_expected_and_what_came(copy: Path) -> None:
    raw = bytearray((copy / MASTER_NAME).read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    (copy / MASTER_NAME).write_bytes(raw)
    by_name = {check.name: check for check in failed(copy)}
    assert set(by_name) == {"file-sha256", "pcm-sha256"}
    assert by_name["file-sha256"].expected == read_manifest(copy)["files"][0]["sha256"]
    assert by_name["file-sha256"].file == MASTER_NAME


def test_a_manifest_made_anew_is_found_by_its_hash_from_elsewhere(
    copy: Path, recording: SealedRecording
) -> None:
    body = read_manifest(copy)
    body["started_at"] = "2020-01-01T00:00:00+00:00"
    (copy / MANIFEST_NAME).write_bytes(manifest_bytes(body))
    assert failed(copy) == []
    (check,) = failed(copy, expected_manifest_sha256=recording.manifest_sha256)
    assert check.name == "manifest-sha256"


def test_a_missing_master_is_told(copy: Path) -> None:
    (copy / MASTER_NAME).unlink()
    assert [check.name for check in failed(copy)] == ["file-present", "pcm-sha256"]


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"body":3}', b"\xff\xfe", b"[" * 100_000])
def test_an_unreadable_manifest_is_told(copy: Path, content: bytes) -> None:
    (copy / MANIFEST_NAME).write_bytes(content)
    (check,) = failed(copy)
    assert (check.name, check.file) == ("manifest", MANIFEST_NAME)


def test_no_manifest_is_told(tmp_path: Path) -> None:
    (check,) = failed(tmp_path)
    assert check.name == "manifest"


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "", ".", "..", 3, None])
def test_only_plain_names_are_looked_at(copy: Path, name: object) -> None:
    body = read_manifest(copy)
    body["files"][0]["name"] = name
    (copy / MANIFEST_NAME).write_bytes(manifest_bytes(body))
    assert [check.name for check in failed(copy)] == ["files"]


@pytest.mark.parametrize("key", ["files", "audio", "ledger", "schema"])
@pytest.mark.parametrize("value", [None, 3, [], {}, [[]], {"channels": 3}, {"channels": [3]}])
def test_any_shape_of_manifest_is_judged_without_tripping(copy: Path, key: str, value: object) -> None:
    body = read_manifest(copy)
    body[key] = value
    (copy / MANIFEST_NAME).write_bytes(manifest_bytes(body))
    if (key, value) != ("ledger", []):
        assert failed(copy)


def test_a_ledger_that_does_not_add_up_is_told(copy: Path) -> None:
    body = read_manifest(copy)
    body["ledger"]["channels"][1]["captured_samples"] -= 1
    (copy / MANIFEST_NAME).write_bytes(manifest_bytes(body))
    (check,) = failed(copy)
    assert check.name == "ledger-samples-channel-1"
    assert (check.expected, check.came) == ("3200", "3199")


def test_floats_cannot_hide_in_a_body() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        manifest_bytes({"a": float("nan")})
    assert json.loads(manifest_bytes({"a": 1}))["body"] == {"a": 1}
