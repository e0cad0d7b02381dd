"""What a start finds after a crash, and what it makes of it; and the application as a whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from koemori.audio.call import CallStarted
from koemori.audio.frames import AudioFrame
from koemori.audio.journal import Journal
from koemori.server import startup
from koemori.server.app import create_app
from koemori.server.archive.store import LocalRecordingStore
from koemori.server.config import Settings
from koemori.server.db import schema
from koemori.server.db.call_store import CallRecords
from koemori.server.db.engine import Database
from koemori.server.db.repositories import calls, recordings
from koemori.server.db.tables import RecordingRow
from starlette.testclient import TestClient

from tests.fakes.office import (
    ORIGIN,
    RATE_HZ,
    STARTED_AT,
    NoPipeline,
    call_started,
    cheap_passwords,
    open_database,
    scripted_events,
    sealed_noise,
    silence,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path)
    yield opened
    opened.close()


def begin(database: Database) -> CallStarted:
    """A call of which two utterances are kept, and which never ends."""
    started = call_started()
    records = CallRecords(database)
    records.call_started(started)
    records.append(
        started.call_id, scripted_events(started.call_id, [("agent", "はい"), ("customer", "もしもし")])
    )
    return started


def cut_off(archive_dir: Path, started: CallStarted) -> None:
    """Half a second in the journal, and nobody to close it."""
    journal = Journal(archive_dir / "journal")
    recorder = journal.open_call(started)
    for channel in started.channels:
        recorder.push(AudioFrame(channel, 0, RATE_HZ, silence(RATE_HZ // 2)))
    journal.close()


def test_a_call_that_a_crash_cut_off_is_sealed_noted_and_ended(database: Database, tmp_path: Path) -> None:
    started = begin(database)
    cut_off(tmp_path / "archive", started)
    (recovered,) = startup.finish_interrupted(database, tmp_path / "archive")
    assert (recovered.call_id, recovered.kept_ms) == (started.call_id, 500)
    with database.read() as session:
        view = calls.find(session, started.call_id)
        last = calls.events(session, started.call_id, 3, 10)
    assert view is not None
    assert (view.call.state, view.call.end_reason, view.call.duration_ms) == ("ended", "recovered", 500)
    assert view.recording_id == recovered.recording_id
    assert [(row.seq, row.type) for row in last] == [(4, "call_ended")]
    assert last[0].body["recording"]["id"] == recovered.recording_id
    assert startup.finish_interrupted(database, tmp_path / "archive") == []


def test_a_call_that_never_reached_the_database_is_taken_in_from_its_journal(
    database: Database, tmp_path: Path
) -> None:
    started = call_started("agent1", number="0312345678", external_ids={"call_sid": "CA1"})
    cut_off(tmp_path / "archive", started)
    startup.finish_interrupted(database, tmp_path / "archive")
    with database.read() as session:
        view = calls.find(session, started.call_id)
        assert calls.external_ids(session, started.call_id) == {"call_sid": "CA1"}
    assert view is not None
    assert (view.call.agent_id, view.call.customer_number) == ("agent1", "0312345678")
    assert view.recording_id is not None


def test_a_live_call_without_a_journal_ends_where_its_words_end(database: Database, tmp_path: Path) -> None:
    started = begin(database)
    assert startup.finish_interrupted(database, tmp_path / "archive") == []
    with database.read() as session:
        view = calls.find(session, started.call_id)
    assert view is not None
    assert (view.call.state, view.call.end_reason, view.call.duration_ms) == ("ended", "interrupted", 3500)


def test_recordings_the_database_does_not_know_are_taken_in(database: Database, tmp_path: Path) -> None:
    known, lost = begin(database), call_started()
    for started in (known, lost):
        sealed_noise(tmp_path / "archive", started.call_id, 0.25)
    damaged = sealed_noise(tmp_path / "archive", call_started().call_id, 0.25)
    (damaged.directory / "manifest.json").chmod(0o600)
    (damaged.directory / "manifest.json").write_text("{}", encoding="utf-8")
    startup.finish_interrupted(database, tmp_path / "archive")
    with database.read() as session:
        ids = recordings.all_ids(session)
        view = calls.find(session, lost.call_id)
        row = session.get(RecordingRow, view.recording_id) if view is not None else None
    assert len(ids) == 2
    assert damaged.recording_id not in ids
    assert view is not None
    assert row is not None
    assert (view.call.state, view.call.started_at, view.call.duration_ms) == ("ended", STARTED_AT, 250)
    assert [channel["role"] for channel in view.call.channels] == ["agent", "customer"]
    assert row.ledger["channels"][1]["captured_ms"] == 250


def test_the_application_starts_serves_and_stops_in_order(tmp_path: Path) -> None:
    pipelines: list[NoPipeline] = []

    async def open_pipeline(settings: Settings, _metrics: object) -> NoPipeline:
        assert schema.current_revision(settings.database.url) == schema.newest_revision()
        pipelines.append(NoPipeline())
        return pipelines[0]

    settings = Settings.model_validate(
        {
            "database": {"url": f"sqlite:///{tmp_path}/new/koemori.db"},
            "archive": {"directory": tmp_path / "a"},
        }
    )
    app = create_app(settings, open_pipeline=open_pipeline, passwords=cheap_passwords())
    with TestClient(app, base_url=ORIGIN) as client:
        assert client.get("/api/v1/health").json()["status"] == "ok"
        assert [pipeline.closed for pipeline in pipelines] == [False]
    assert [pipeline.closed for pipeline in pipelines] == [True]


def test_a_pipeline_that_cannot_open_stops_the_start(tmp_path: Path) -> None:
    async def refuse(_settings: Settings, _metrics: object) -> NoPipeline:
        raise OSError(28, "No space left on device")

    settings = Settings.model_validate(
        {"database": {"url": f"sqlite:///{tmp_path}/koemori.db"}, "archive": {"directory": tmp_path / "a"}}
    )
    app = create_app(settings, open_pipeline=refuse, passwords=cheap_passwords())
    with pytest.raises(OSError, match="No space left"), TestClient(app, base_url=ORIGIN):
        pass


def test_a_removed_archive_is_no_reason_not_to_start(database: Database, tmp_path: Path) -> None:
    sealed_noise(tmp_path / "archive", begin(database).call_id, 0.25)
    startup.finish_interrupted(database, tmp_path / "archive")
    shutil.rmtree(tmp_path / "archive")
    assert startup.finish_interrupted(database, tmp_path / "archive") == []
    assert list(LocalRecordingStore(tmp_path / "archive").list_recordings()) == []
