"""What the phone system told is part of the recording: documents byte for byte, facts without people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from koemori.audio import recording as limits
from koemori.audio.call import CallStarted, ChannelRole
from koemori.audio.journal import Journal
from koemori.audio.signals import CallDocument, CallUpdated, UpdateKind
from koemori.server.archive.flac import decode_pcm
from koemori.server.archive.manifest import MANIFEST_NAME, MASTER_NAME, verify_recording
from koemori.server.archive.recover import recover
from koemori.server.archive.sealing import SealedRecording, seal_call
from koemori.server.archive.store import LocalRecordingStore

from tests.fakes.recorded import ended, new_call, steps

pytestmark = pytest.mark.unit

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n"


def record(
    root: Path, *notes: CallUpdated | CallDocument, call: CallStarted | None = None, close: bool = True
) -> SealedRecording:
    """A second of audio with these notes in it; sealed at its end, or by recovery when it was cut off."""
    call = call or new_call()
    journal = Journal(root / "journal")
    recorder = journal.open_call(call)
    for event in steps(call, 0, 25):
        recorder.push(event)
    for note in notes:
        recorder.note(note)
    for event in steps(call, 25, 25):
        recorder.push(event)
    if close:
        recorder.close(ended(call.call_id, 1000)).result(10)
        sealed = seal_call(journal, call.call_id, LocalRecordingStore(root))
        journal.close()
        return sealed
    journal.close()
    (recovered,) = recover(root)
    assert recovered.sealed is not None
    return recovered.sealed


def body_of(recording: SealedRecording) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((recording.directory / MANIFEST_NAME).read_text())["body"]
    return body


@pytest.mark.parametrize("close", [True, False])
def test_documents_become_files_of_the_recording_that_the_manifest_answers_for(
    tmp_path: Path, close: bool
) -> None:
    call = new_call()
    notes = (
        CallDocument(call.call_id, 0, "invite-1.sdp", "application/sdp", SDP),
        CallDocument(call.call_id, 40, "metadata-2.xml", "application/rs-metadata+xml", b"<recording/>"),
    )
    recording = record(tmp_path, *notes, call=call, close=close)
    assert (recording.directory / "invite-1.sdp").read_bytes() == SDP
    files = body_of(recording)["files"]
    assert [(one["role"], one["name"], one.get("at_ms")) for one in files] == [
        ("master", MASTER_NAME, None),
        ("document", "invite-1.sdp", 0),
        ("document", "metadata-2.xml", 40),
    ]
    assert verify_recording(recording.directory, decode=decode_pcm).ok
    changed = recording.directory / "metadata-2.xml"
    changed.chmod(0o600)
    changed.write_bytes(b"<recording>")
    assert [check.name for check in verify_recording(recording.directory).failures()] == [
        "file-size",
        "file-sha256",
    ]


def test_a_document_is_never_a_path_and_takes_no_other_files_place(tmp_path: Path) -> None:
    call = new_call()
    names = ("../../etc/passwd", MASTER_NAME, MANIFEST_NAME, "a.xml", "a.xml", "..", "メタ.XML", "")
    notes = [CallDocument(call.call_id, 0, name, "text/plain", name.encode() or b"-") for name in names]
    recording = record(tmp_path, *notes, call=call)
    found = sorted(path.name for path in recording.directory.iterdir())
    assert found == sorted(
        [
            MASTER_NAME,
            MANIFEST_NAME,
            "etc-passwd",
            "master.2.flac",
            "manifest.2.json",
            "a.xml",
            "a.2.xml",
            "document",
            "xml",
            "document.2",
        ]
    )
    assert verify_recording(recording.directory, decode=decode_pcm).ok


def test_facts_are_stated_as_codes_and_people_are_not(tmp_path: Path) -> None:
    call = new_call()
    recording = record(
        tmp_path,
        CallUpdated(call.call_id, 100, UpdateKind.MEDIA, {"channel": 1, "codec": "PCMA", "packets": 9}),
        CallUpdated(call.call_id, 200, UpdateKind.HELD),
        CallUpdated(
            call.call_id,
            300,
            UpdateKind.TRANSFERRED,
            external_ids={"linked_id": "178.9"},
            agent_id="tanaka",
            customer_number="0312345678",
            queue="claims",
            roles={0: ChannelRole.CUSTOMER, 1: ChannelRole.AGENT},
        ),
        call=call,
    )
    body = body_of(recording)
    assert body["told"] == {
        "documents_left_out": 0,
        "facts": [
            {"at_ms": 100, "what": "media", "facts": {"channel": 1, "codec": "PCMA", "packets": 9}},
            {"at_ms": 200, "what": "held"},
            {
                "at_ms": 300,
                "what": "transferred",
                "roles": {"0": "customer", "1": "agent"},
                "became_known": ["agent_id", "customer_number", "queue", "external_ids"],
            },
        ],
    }
    assert [one["role"] for one in body["audio"]["channels"]] == ["customer", "agent"]
    assert [one["role"] for one in body["ledger"]["channels"]] == ["customer", "agent"]
    text = json.dumps(body)
    assert not any(secret in text for secret in ("tanaka", "0312345678", "claims", "178.9"))


def test_a_phone_system_that_never_stops_telling_fills_nothing(tmp_path: Path) -> None:
    call = new_call()
    big = bytes(limits.MAX_DOCUMENT_BYTES)
    notes: list[CallUpdated | CallDocument] = [
        CallDocument(call.call_id, 0, "big.bin", "x/y", big + b"1"),
        *(CallDocument(call.call_id, 0, f"{number}.bin", "x/y", big) for number in range(12)),
        *(CallDocument(call.call_id, 0, f"s{number}.bin", "x/y", b"") for number in range(200)),
        *(CallUpdated(call.call_id, number, UpdateKind.HELD) for number in range(limits.MAX_UPDATES + 50)),
    ]
    told = record(tmp_path, *notes, call=call)
    body = body_of(told)
    documents = [one for one in body["files"] if one["role"] == "document"]
    assert sum(one["size_bytes"] for one in documents) == limits.MAX_DOCUMENTS_BYTES
    assert len(documents) <= limits.MAX_DOCUMENTS
    assert len(documents) + body["told"]["documents_left_out"] == 2 * limits.MAX_DOCUMENTS
    assert len(body["told"]["facts"]) == limits.MAX_UPDATES
