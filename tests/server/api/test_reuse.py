"""A recording for reuse: words and sound without personal data, a note, and a custody entry."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from koemori.assist.redaction import MARGIN_MS, REDACTOR_VERSION
from koemori.audio.call import CallId
from koemori.server import cli
from koemori.server import reuse as server_reuse
from koemori.server.archive.manifest import MASTER_NAME, verify_recording
from koemori.server.archive.redacted import Rendition
from koemori.server.commands import exits
from koemori.server.db.tables import AccessRow
from koemori.server.wire import UtteranceEvent, WireWord
from numpy.typing import NDArray
from sqlalchemy import select
from starlette.testclient import TestClient

from tests.fakes.office import RATE_HZ, Office, case_event, utterance

pytestmark = pytest.mark.integration

NAME, PHONE = "小野寺", "08011112301"
SECRETS = (NAME, "斧寺", "2301", "1111", "080", "応対", "一郎")
SECONDS = 16


def spoken(call_id: str, seq: int, speaker: str, start_ms: int, words: list[str]) -> UtteranceEvent:
    """An utterance whose words last 400 ms each, from its beginning."""
    timed = tuple(
        WireWord(text=word, start_ms=start_ms + 400 * n, end_ms=start_ms + 400 * n + 400, probability=0.9)
        for n, word in enumerate(words)
    )
    plain = utterance(call_id, seq, speaker, "".join(words), start_ms)
    return plain.model_copy(update={"words": timed, "end_ms": start_ms + 400 * len(words)})


@pytest.fixture
def recorded(office: Office) -> tuple[CallId, str]:
    """A call in which a customer says name and number; sixteen seconds of noise."""
    call_id = office.call(
        lines=[("agent", "お電話ありがとうございます、応対です")], ended=False, number="+81-80-1111-2301"
    )
    events = [
        utterance(call_id, 3, "agent", "お名前とお電話番号をお願いします", 2_000),
        spoken(call_id, 4, "customer", 4_000, ["斧寺", "です"]),
        spoken(call_id, 5, "customer", 6_000, ["えっと", "080", "の", "1111"]),
        spoken(call_id, 6, "customer", 9_000, ["それで", "2301", "です", "よ", "ね", "はい"]),
        spoken(call_id, 7, "customer", 12_000, ["土下座", "しろ"]),
        case_event(call_id, 8, 1, {"customer_name": NAME, "phone": PHONE}),
    ]
    office.records.append(call_id, events)
    office.end(call_id, 9, SECONDS * 1000)
    return call_id, office.recording(call_id, SECONDS).recording_id


def settings_file(office: Office) -> Path:
    path = office.home / "koemori.toml"
    path.write_text(
        f'[database]\nurl = "sqlite:///{office.home}/koemori.db"\n'
        f'[archive]\ndirectory = "{office.home}/archive"\n',
        encoding="utf-8",
    )
    return path


def reuse(office: Office, call_id: str, out: Path, who: str = "counsel", purpose: str = "研修教材") -> int:
    config = str(settings_file(office))
    return cli.run(
        ["reuse", call_id, "--out", str(out), "--as", who, "--purpose", purpose, "--config", config]
    )


def accesses(office: Office) -> list[AccessRow]:
    with office.services.database.read() as transaction:
        return list(transaction.scalars(select(AccessRow).order_by(AccessRow.access_id)))


def samples(source: Path | io.BytesIO) -> NDArray[np.int16]:
    found: NDArray[np.int16] = soundfile.read(source, dtype="int16", always_2d=True)[0]
    return found


def kept(out: NDArray[np.int16], master: NDArray[np.int16], channel: int, start_ms: int, end_ms: int) -> bool:
    part = slice(start_ms * RATE_HZ // 1000, end_ms * RATE_HZ // 1000)
    return bool(np.array_equal(out[part, channel], master[part, channel]))


def test_words_and_sound_lose_what_is_personal_and_keep_the_rest(
    office: Office, recorded: tuple[CallId, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_id, recording_id = recorded
    out = tmp_path / "for-training"
    assert reuse(office, call_id, out) == exits.OK
    assert sorted(path.name for path in out.iterdir()) == ["audio.flac", "note.json", "transcript.jsonl"]
    written = (out / "transcript.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line)["text"] for line in written.splitlines()]
    assert lines[2:] == ["[氏名]です", "えっと[電話番号]", "それで[電話番号]ですよねはい", "土下座しろ"]
    for text in (written, (out / "note.json").read_text(encoding="utf-8"), capsys.readouterr().out):
        assert not [secret for secret in (*SECRETS, call_id, recording_id) if secret in text]
    stored = office.services.archive.find(recording_id)
    assert stored is not None
    master, made = samples(stored.directory / MASTER_NAME), samples(out / "audio.flac")
    assert made.shape == master.shape
    assert verify_recording(stored.directory).ok
    for start_ms, end_ms in ((4_000, 4_400), (6_400, 7_600), (9_400, 9_800)):
        assert not kept(made, master, 1, start_ms - MARGIN_MS, start_ms - MARGIN_MS + 100)
        assert np.abs(made[start_ms * 8 : end_ms * 8, 1]).max() <= 0.021 * 32768
    assert kept(made, master, 1, 12_000, 12_800)
    assert kept(made, master, 1, 9_000 + 800 + MARGIN_MS, 11_400)
    assert not made[15_000 * 8 :, 1].any()


def test_the_note_tells_kinds_milliseconds_version_and_recall(
    office: Office, recorded: tuple[CallId, str], tmp_path: Path
) -> None:
    assert reuse(office, recorded[0], tmp_path / "out") == exits.OK
    note = json.loads((tmp_path / "out" / "note.json").read_text(encoding="utf-8"))
    assert note["evidence"] is False
    assert note["redactor"]["version"] == REDACTOR_VERSION
    assert note["redactor"]["measured_recall"]["phone"] >= 0.97
    assert note["removed_from_text"] == {"name": 2, "phone": 2}
    replaced = note["audio"]["replaced_ms"]
    assert replaced["phone"] >= 400 + 1_200
    assert replaced["unheard"] > 0
    assert sum(replaced.values()) <= 2 * SECONDS * 1000
    (row,) = accesses(office)
    assert (row.action, row.purpose, row.access_id) == ("reuse", "研修教材", note["access_id"])


@pytest.mark.parametrize(
    ("who", "purpose"), [("agent1", "研修"), ("nobody", "研修"), ("counsel", " "), ("counsel", "あ" * 201)]
)
def test_nothing_is_written_for_who_may_not_or_says_not_why(
    office: Office, recorded: tuple[CallId, str], tmp_path: Path, who: str, purpose: str
) -> None:
    assert reuse(office, recorded[0], tmp_path / "out", who, purpose) == exits.UNUSABLE
    assert not (tmp_path / "out").exists()
    assert accesses(office) == []


def test_an_existing_folder_and_an_unknown_call_are_refused(
    office: Office, recorded: tuple[CallId, str], tmp_path: Path
) -> None:
    assert reuse(office, recorded[0], tmp_path) == exits.UNUSABLE
    assert reuse(office, "no-such-call", tmp_path / "out") == exits.UNUSABLE


def test_a_damaged_master_leaves_no_folder_but_its_custody_entry(
    office: Office, recorded: tuple[CallId, str], tmp_path: Path
) -> None:
    stored = office.services.archive.find(recorded[1])
    assert stored is not None
    master = stored.directory / MASTER_NAME
    master.chmod(0o600)
    master.write_bytes(master.read_bytes()[:5_000])
    target = tmp_path / "there"
    target.mkdir()
    assert reuse(office, recorded[0], target / "out") == exits.UNUSABLE
    assert list(target.iterdir()) == []
    assert [row.action for row in accesses(office)] == ["reuse"]


def granted(browser: TestClient, recording_id: str) -> str:
    answer = browser.post(f"/api/v1/recordings/{recording_id}/reuses", json={"purpose": "分析"})
    assert answer.status_code == 201, answer.text
    assert not [secret for secret in SECRETS if secret in answer.text]
    assert answer.json()["note"]["evidence"] is False
    return str(answer.json()["audio_url"])


def test_over_http_a_purpose_comes_first_and_every_hearing_is_noted(
    office: Office, recorded: tuple[CallId, str], tmp_path: Path
) -> None:
    browser = office.browser("boss")
    url = granted(browser, recorded[1])
    answer = browser.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/flac"
    assert reuse(office, recorded[0], tmp_path / "out", "boss") == exits.OK
    assert np.array_equal(samples(io.BytesIO(answer.content)), samples(tmp_path / "out" / "audio.flac"))
    assert [row.action for row in accesses(office)] == ["reuse", "read", "reuse"]
    (latest, first) = browser.get(f"/api/v1/recordings/{recorded[1]}").json()["accesses"]
    assert (latest["action"], first["action"], first["reads"]) == ("reuse", "reuse", 1)


def test_one_persons_permission_is_nobody_elses_and_opens_nothing_else(
    office: Office, recorded: tuple[CallId, str]
) -> None:
    url = granted(office.browser("boss"), recorded[1])
    assert office.browser("counsel").get(url).status_code == 404
    access_id = url.rsplit("=", 1)[1]
    plain = f"/api/v1/recordings/{recorded[1]}/accesses/{access_id}/audio"
    assert office.browser("boss").get(plain).status_code == 404


def test_the_sound_comes_in_ranges_each_noted_and_is_made_only_once(
    office: Office, recorded: tuple[CallId, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    write = server_reuse.write_audio

    def counted(call: server_reuse.ReusableCall, master: Path, out: Path) -> Rendition:
        made.append(out)
        return write(call, master, out)

    monkeypatch.setattr(server_reuse, "write_audio", counted)
    browser = office.browser("boss")
    url = granted(browser, recorded[1])
    whole = browser.get(url)
    part = browser.get(url, headers={"Range": "bytes=100-299"})
    assert (part.status_code, part.content) == (206, whole.content[100:300])
    assert part.headers["content-range"] == f"bytes 100-299/{len(whole.content)}"
    assert part.headers["etag"] == whole.headers["etag"]
    stale = browser.get(url, headers={"Range": "bytes=0-9", "If-Range": '"another"'})
    assert (stale.status_code, len(stale.content)) == (200, len(whole.content))
    beyond = browser.get(url, headers={"Range": f"bytes={len(whole.content)}-"})
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range-not-satisfiable")
    assert len(made) == 1
    reads = [(row.first_byte, row.last_byte) for row in accesses(office) if row.action == "read"]
    last = len(whole.content) - 1
    assert sorted(reads) == [(0, last), (0, last), (100, 299)]


def test_a_name_that_became_known_makes_another_rendition(
    office: Office, recorded: tuple[CallId, str]
) -> None:
    browser = office.browser("boss")
    url = granted(browser, recorded[1])
    before = browser.get(url)
    office.records.append(recorded[0], [case_event(recorded[0], 10, 2, {"customer_name": "土下座"})])
    after = browser.get(url)
    assert before.headers["etag"] != after.headers["etag"]
    assert before.content != after.content
