"""A small call centre with a real service, a line that can be cut, and a real Chromium."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from koemori.audio.codecs import g711
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.line import Line
from tests.support.service import Phone, Service

PASSWORD = "koemori-test-password"
PEOPLE = (
    ("agent1", "agent", "佐藤 花子"),
    ("agent2", "agent", "田中 健"),
    ("supervisor1", "supervisor", "鈴木 一郎"),
    ("legal1", "legal", "高橋 恵"),
)
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


@dataclass
class Office:
    """The service, how browsers reach it, and the one call of this module."""

    service: Service
    line: Line
    browser: Browser
    corpus: Path
    phone: Phone | None = None
    talking: threading.Thread | None = None
    pages: list[Page] = field(default_factory=list)

    def ring(self, name: str, from_s: float, to_s: float) -> None:
        """Start a call of a scripted recording, paced like a phone line, in the background."""
        samples, rate_hz = soundfile.read(self.corpus / "audio" / f"{name}.flac", dtype="int16")
        assert rate_hz == 8000
        span = samples[int(from_s * rate_hz) : int(to_s * rate_hz)]
        mulaw = np.stack([np.frombuffer(g711.encode_mulaw(span[:, row]), np.uint8) for row in (0, 1)])
        self.phone = Phone(self.service, mulaw, agent="agent1", **{"from": "08011112301"})
        self.talking = threading.Thread(target=self._talk, daemon=True)
        self.talking.start()

    def queue_event(self, kind: str, call: str, ago_s: float, **facts: object) -> None:
        """Report what happened to a caller `ago_s` seconds ago, as a phone system does."""
        at = datetime.now(UTC) - timedelta(seconds=ago_s)
        event = {"source": "pbx", "event_id": f"{call}-{kind}", "occurred_at": at.isoformat(), "type": kind}
        answer = httpx.post(
            f"{self.service.url}/api/v1/events", json={**event, "call_id": call, "queue": "support", **facts}
        )
        assert answer.status_code == 202, answer.text

    def _talk(self) -> None:
        assert self.phone is not None
        self.phone.talk()
        self.phone.hang_up()

    def page_of(self, username: str, page: Page | None = None) -> Page:
        """A page signed in as one of the people; a new browser profile unless a page is given."""
        if page is None:
            context = self.browser.new_context(viewport={"width": 1280, "height": 720}, locale="ja-JP")
            page = context.new_page()
            self.pages.append(page)
        page.goto(self.line.url)
        page.fill('input[name="username"]', username)
        page.fill('input[name="password"]', PASSWORD)
        page.click('[data-testid="login-form"] button[type="submit"]')
        page.wait_for_selector('[data-testid="user-menu"]')
        return page


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Iterator[Office]:
    """Everything running; stopped at the end whatever happens."""
    service = Service(tmp_path_factory.mktemp("office"))
    line = Line(service.port)
    service.public_url = line.url
    done = service.command("db", "upgrade", "--config", str(service.config))
    assert done.returncode == 0, done.stderr
    for username, role, display_name in PEOPLE:
        service.add_user(username, role, PASSWORD, display_name)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            service.start()
            yield Office(service, line, browser, corpus)
        finally:
            browser.close()
            service.stop()
            line.close()
