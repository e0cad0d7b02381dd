"""The real application with a real journal and archive, and a scripted listener in place of speech models."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI
from koemori.assist.engine import AssistEngine
from koemori.assist.types import CallFacts
from koemori.audio.call import CallStarted
from koemori.audio.journal import Journal, JournalHead
from koemori.server.app import create_app
from koemori.server.archive.recover import JOURNAL_DIRECTORY
from koemori.server.archive.sealing import SealedRecording, seal
from koemori.server.archive.store import LocalRecordingStore
from koemori.server.calls.ports import CallPorts, Engine, Listener
from koemori.server.config import Settings
from koemori.server.playbooks import Playbooks
from koemori.server.telemetry import Metrics
from starlette.testclient import TestClient

from tests.fakes.calls import FakeEngine, FakeListener
from tests.fakes.office import cheap_passwords


@dataclass
class LightPipeline:
    """Records and seals for real; hears what `FakeListener` says."""

    journal: Journal
    store: LocalRecordingStore
    words: str
    playbooks: Playbooks
    understands: bool = False
    """Judge words by the playbook in force, as a real pipeline does."""
    engines: list[FakeEngine] = field(default_factory=list)

    @property
    def ports(self) -> CallPorts:
        return CallPorts(
            open_recorder=self.journal.open_call,
            seal=self._seal,
            release=self.journal.release,
            make_listener=self._make_listener,
            make_engine=self._make_engine,
        )

    async def aclose(self) -> None:
        self.journal.close()

    def _make_listener(self, started: CallStarted) -> Listener:
        return FakeListener(text=self.words)

    def _make_engine(self, facts: CallFacts) -> Engine:
        if self.understands:
            return AssistEngine(facts, self.playbooks.get(facts.locale))
        self.engines.append(FakeEngine())
        return self.engines[-1]

    def _seal(self, started: CallStarted, head: Future[JournalHead]) -> SealedRecording:
        head.result(10)
        return seal(self.journal.call(started.call_id), self.store)


@contextmanager
def light_service(
    home: Path,
    *,
    words: str = "責任者を出せ",
    peer: str = "127.0.0.1",
    understands: bool = False,
    **sections: object,
) -> Iterator[TestClient]:
    """The running application, called from `peer`."""
    app = light_app(light_settings(home, **sections), words, understands=understands)
    with TestClient(app, base_url="http://127.0.0.1:8410", client=(peer, 50_000)) as client:
        yield client


def light_settings(home: Path, **sections: object) -> Settings:
    """Settings with database and archive under `home`."""
    places = {
        "database": {"url": f"sqlite:///{home}/koemori.db"},
        "archive": {"directory": home / "archive"},
    }
    return Settings.model_validate({**places, **sections})


def light_app(settings: Settings, words: str = "責任者を出せ", *, understands: bool = False) -> FastAPI:
    """The application, not yet started."""

    async def open_light(given: Settings, _metrics: Metrics) -> LightPipeline:
        root = given.archive.directory
        playbooks = Playbooks(given.assist.playbook_dir)
        journal, store = Journal(root / JOURNAL_DIRECTORY), LocalRecordingStore(root)
        return LightPipeline(journal, store, words, playbooks, understands)

    return create_app(settings, open_pipeline=open_light, passwords=cheap_passwords())
