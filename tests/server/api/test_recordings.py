"""Legal's work: find a call by a spoken word, hear it from there, check it, and see who heard it."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
from koemori.server.db.tables import AccessRow, CallRow
from sqlalchemy import select
from starlette.testclient import TestClient

from tests.fakes.office import STARTED_AT, Office

pytestmark = pytest.mark.integration


@pytest.fixture
def recorded(office: Office) -> str:
    """The id of agent1's recording, in which a customer threatens to come by."""
    call_id = office.call(
        lines=[
            ("agent", "お電話ありがとうございます"),
            ("customer", "いまからそっちへ行くからな、土下座しろ"),
        ],
        fields={"customer_name": "山田太郎"},
        number="+81-3-1234-5678",
    )
    return office.recording(call_id, 0.5).recording_id


def found(browser: TestClient, **query: str) -> list[str]:
    answer = browser.get("/api/v1/recordings", params=query)
    assert answer.status_code == 200, answer.text
    return [item["recording_id"] for item in answer.json()["items"]]


@pytest.mark.parametrize(
    "query",
    [
        {"words": "土下座"},
        {"words": "どげざ"},
        {"words": "ドゲザ　ありがとう"},
        {"words": "行く"},
        {"person": "山田"},
        {"person": "ヤマダ"},
        {"person": "応対 一郎"},
        {"person": "agent1"},
        {"number": "03-1234"},
        {"number": "0312345678"},
        {"number": "+81312345678"},
        {"from": "2026-11-20T00:00:00Z", "to": "2026-11-20T10:00:00+09:00", "words": "土下座"},
        {},
    ],
)
def test_a_recording_is_found(office: Office, recorded: str, query: dict[str, str]) -> None:
    until = {"to": "2026-11-20T10:00:01+09:00"} if "to" in query else {}
    assert found(office.browser("counsel"), **(query | until)) == [recorded]


@pytest.mark.parametrize(
    "query",
    [
        {"words": "誠意"},
        {"words": "土下座 誠意"},
        {"words": '土" OR "座'},
        {"person": "佐藤"},
        {"number": "9999"},
        {"number": "なし"},
        {"from": "2026-11-21T00:00:00Z"},
        {"to": "2026-11-20T10:00:00+09:00"},
        {"person": "%"},
    ],
)
def test_a_recording_that_does_not_fit_is_not_found(
    office: Office, recorded: str, query: dict[str, str]
) -> None:
    assert found(office.browser("counsel"), **query) == []


def test_the_hits_say_where_the_words_were_spoken(office: Office, recorded: str) -> None:
    item = office.browser("counsel").get("/api/v1/recordings?words=どげざ").json()["items"][0]
    assert [(hit["start_ms"], hit["speaker"]) for hit in item["hits"]] == [(2000, "customer")]
    assert "土下座" in item["hits"][0]["text"]
    assert office.browser("counsel").get("/api/v1/recordings").json()["items"][0]["hits"] == []


def test_a_time_without_a_zone_is_refused(office: Office) -> None:
    answer = office.browser("counsel").get("/api/v1/recordings?from=2026-11-20T00:00:00")
    assert answer.status_code == 422


def test_pages_of_recordings_follow_each_other(office: Office) -> None:
    made = []
    for minutes in range(5):
        call_id = office.call(started_at=STARTED_AT + timedelta(minutes=minutes))
        made.append(office.recording(call_id, 0.1).recording_id)
    browser = office.browser("counsel")
    first = browser.get("/api/v1/recordings?limit=3").json()
    rest = browser.get("/api/v1/recordings", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    seen = [item["call_id"] for item in first["items"] + rest["items"]]
    assert len(first["items"]) == 3
    assert rest["next_cursor"] is None
    assert len(set(seen)) == 5


def test_a_recording_shows_hashes_ledger_and_transcript(office: Office, recorded: str) -> None:
    shown = office.browser("counsel").get(f"/api/v1/recordings/{recorded}").json()
    assert len(shown["pcm_sha256"]) == len(shown["manifest_sha256"]) == 64
    assert [channel["captured_ms"] for channel in shown["ledger"]["channels"]] == [500, 500]
    assert shown["sample_count"] == 4000
    assert [line["start_ms"] for line in shown["transcript"]] == [0, 2000]
    assert shown["last_check"] is None
    assert shown["accesses"] == []


def play(browser: TestClient, recorded: str) -> str:
    answer = browser.post(f"/api/v1/recordings/{recorded}/accesses", json={"purpose": "訴訟準備"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["audio_url"])


def test_hearing_needs_a_purpose_and_leaves_custody_entries(office: Office, recorded: str) -> None:
    browser = office.browser("counsel")
    assert browser.post(f"/api/v1/recordings/{recorded}/accesses", json={"purpose": " "}).status_code == 422
    url = play(browser, recorded)
    whole = browser.get(url)
    assert whole.status_code == 200
    assert whole.headers["content-type"] == "audio/flac"
    assert whole.headers["accept-ranges"] == "bytes"
    samples, rate_hz = soundfile.read(io.BytesIO(whole.content), dtype="int16")
    assert (rate_hz, samples.shape) == (8000, (4000, 2))
    part = browser.get(url, headers={"Range": "bytes=10-19"})
    assert part.status_code == 206
    assert part.content == whole.content[10:20]
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    (entry,) = browser.get(f"/api/v1/recordings/{recorded}").json()["accesses"]
    assert (entry["user"], entry["purpose"], entry["action"], entry["reads"]) == (
        "法務 三郎",
        "訴訟準備",
        "play",
        2,
    )
    with office.services.database.read() as transaction:
        rows = transaction.scalars(select(AccessRow).where(AccessRow.action == "read")).all()
    assert sorted((row.first_byte, row.last_byte) for row in rows) == [(0, len(whole.content) - 1), (10, 19)]


def test_no_entry_no_sound(office: Office, recorded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = office.browser("counsel")
    url = play(browser, recorded)
    served: list[object] = []
    store = type(office.services.archive)
    monkeypatch.setattr(store, "read_range", lambda *arguments: served.append(arguments) or iter(()))
    monkeypatch.setattr("koemori.server.api.playback.new_read", lambda *_arguments: 1 / 0)
    quiet = TestClient(browser.app, base_url=browser.base_url, raise_server_exceptions=False)
    quiet.portal, quiet.cookies = browser.portal, browser.cookies
    answer = quiet.get(url)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert served == []


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("bytes=0-", 206),
        ("bytes=-5", 206),
        ("bytes=99999999-", 416),
        ("bytes=0-1,3-4", 200),
        ("pages=1", 200),
    ],
)
def test_ranges_are_served_as_the_standard_says(
    office: Office, recorded: str, header: str, status: int
) -> None:
    browser = office.browser("counsel")
    answer = browser.get(play(browser, recorded), headers={"Range": header})
    assert answer.status_code == status
    if status == 416:
        assert answer.headers["content-range"].startswith("bytes */")


def test_a_range_of_another_version_gets_the_whole(office: Office, recorded: str) -> None:
    browser = office.browser("counsel")
    url = play(browser, recorded)
    etag = browser.get(url).headers["etag"]
    same = browser.get(url, headers={"Range": "bytes=0-3", "If-Range": etag})
    other = browser.get(url, headers={"Range": "bytes=0-3", "If-Range": '"x"'})
    assert (same.status_code, other.status_code) == (206, 200)


def test_a_permission_to_hear_is_for_one_person_and_for_some_hours(
    office: Office, recorded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counsel = office.browser("counsel")
    url = play(counsel, recorded)
    assert office.browser("boss").get(url).json()["code"] == "access-not-found"
    later = datetime.now(UTC) + timedelta(hours=12)
    monkeypatch.setattr("koemori.server.api.playback.utc_now", lambda: later)
    answer = counsel.get(url)
    assert (answer.status_code, answer.json()["code"]) == (410, "access-expired")


def test_an_agent_hears_their_own_call_and_no_other(office: Office, recorded: str) -> None:
    url = play(office.browser("agent1"), recorded)
    assert office.browser("agent1").get(url).status_code == 200
    other = office.browser("agent2")
    for answer in (
        other.get(url),
        other.get(f"/api/v1/recordings/{recorded}"),
        other.post(f"/api/v1/recordings/{recorded}/accesses", json={"purpose": "興味"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed")


def master_of(office: Office, recorded: str) -> Path:
    return office.services.archive.file_path(recorded, "master.flac")


def test_the_check_passes_and_fails_after_one_byte_of_the_file_is_changed(
    office: Office, recorded: str
) -> None:
    browser = office.browser("counsel")
    path = f"/api/v1/recordings/{recorded}"
    good = browser.post(f"{path}/verify", json={"purpose": "定期確認"}).json()
    assert good["ok"] is True
    assert all(check["ok"] for check in good["checks"])
    assert browser.get(path).json()["last_check"]["ok"] is True
    master = master_of(office, recorded)
    content = bytearray(master.read_bytes())
    content[len(content) // 2] ^= 1
    master.chmod(0o600)
    master.write_bytes(content)
    bad = browser.post(f"{path}/verify", json={"purpose": "定期確認"}).json()
    assert bad["ok"] is False
    failed = {check["name"] for check in bad["checks"] if not check["ok"]}
    assert "file-sha256" in failed
    assert "pcm-sha256" in failed
    detail = browser.get(path).json()
    assert detail["last_check"]["ok"] is False
    assert [entry["action"] for entry in detail["accesses"]] == ["verify", "verify"]


def test_a_recording_whose_files_are_gone_fails_the_check_and_says_so(office: Office, recorded: str) -> None:
    browser = office.browser("counsel")
    url = play(browser, recorded)
    directory = master_of(office, recorded).parent
    for file in directory.iterdir():
        file.unlink()
    answer = browser.post(f"/api/v1/recordings/{recorded}/verify", json={"purpose": "確認"}).json()
    assert answer["ok"] is False
    for path in (url, f"/api/v1/recordings/{recorded}/waveform"):
        gone = browser.get(path)
        assert (gone.status_code, gone.json()["code"]) == (409, "recording-unreadable")


def test_a_waveform_has_the_extremes_of_both_sides(office: Office, recorded: str) -> None:
    shown = office.browser("counsel").get(f"/api/v1/recordings/{recorded}/waveform?points=40").json()
    samples, _ = soundfile.read(master_of(office, recorded), dtype="int16")
    expected = samples.reshape(40, 100, 2)
    assert shown["points"] == 40
    for index, channel in enumerate(shown["channels"]):
        pairs = np.array(channel).reshape(40, 2)
        assert np.allclose(pairs[:, 0], expected[:, :, index].min(axis=1) / 32768, atol=1e-4)
        assert np.allclose(pairs[:, 1], expected[:, :, index].max(axis=1) / 32768, atol=1e-4)


def test_a_number_from_the_phone_system_is_not_replaced_by_the_one_in_the_case(office: Office) -> None:
    call_id = office.call(number="0312345678", fields={"phone": "09011112222"})
    with office.services.database.read() as transaction:
        call = transaction.get_one(CallRow, call_id)
    assert call.customer_number == "0312345678"
