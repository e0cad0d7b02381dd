"""The browser phone in a Chromium whose microphone is a recording, from the button to the sealed call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS, PASSWORD
from tests.browser.test_people import eventually, get, shoot
from tests.support.service import Service

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SPOKEN_S = (56.0, 72.0)
"""A stretch of the scripted call in which its customer speaks."""


@pytest.fixture(scope="module")
def microphone(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The customer's side of a scripted call, as the browser's microphone plays it, over and over."""
    samples, rate_hz = soundfile.read(corpus / "audio" / "c01.flac", dtype="float32")
    begin, end = (int(at_s * rate_hz) for at_s in SPOKEN_S)
    path = tmp_path_factory.mktemp("microphone") / "voice.wav"
    voice = soxr.resample(samples[begin:end, 1], rate_hz, 48_000)
    soundfile.write(path, np.asarray(voice, dtype=np.float32), 48_000, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("service"), sections='[trunks.softphone]\nkind = "whip"\n')
    done = service.command("db", "upgrade", "--config", str(service.config))
    assert done.returncode == 0, done.stderr
    service.add_user("agent1", "agent", PASSWORD, "佐藤 花子")
    service.add_user("legal1", "legal", PASSWORD, "高橋 恵")
    service.start()
    yield service
    service.stop()


@pytest.fixture(scope="module")
def pages(service: Service, microphone: Path) -> Iterator[dict[str, Page]]:
    """An agent and a lawyer, signed in."""
    fakes = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *fakes])
        signed_in = {}
        for username in ("agent1", "legal1"):
            context = browser.new_context(viewport={"width": 520, "height": 680}, locale="ja-JP")
            page = signed_in[username] = context.new_page()
            page.goto(service.url)
            page.fill('input[name="username"]', username)
            page.fill('input[name="password"]', PASSWORD)
            page.click('[data-testid="login-form"] button[type="submit"]')
            page.wait_for_selector('[data-testid="user-menu"]')
        yield signed_in
        browser.close()


def test_an_agent_records_a_call_with_the_browser_and_holds_it(
    service: Service, pages: dict[str, Page]
) -> None:
    page = pages["agent1"]
    expect(page.get_by_test_id("open-softphone")).to_be_visible()
    page.goto(f"{service.url}/softphone")
    page.get_by_test_id("other").select_option("none")
    page.get_by_test_id("number").fill("08011112301")
    shoot(page, "softphone-ready")
    page.get_by_test_id("start").click()
    expect(page.get_by_test_id("phase")).to_contain_text("記録中", timeout=20_000)
    (call,) = eventually(lambda: get(page, "/calls?state=live")["items"])
    assert call["customer_number"] == "08011112301"
    eventually(lambda: [said for said in events(page, call["call_id"]) if said["type"] == "utterance"])
    level = page.get_by_role("meter").first
    assert eventually(lambda: float(level.get_attribute("value") or 0) > 0.2)
    shoot(page, "softphone-recording")
    page.get_by_test_id("hold").click()
    expect(page.get_by_test_id("phase")).to_contain_text("保留中")
    page.wait_for_timeout(1200)
    page.get_by_test_id("hold").click()
    expect(page.get_by_test_id("phase")).to_contain_text("記録中")
    page.get_by_test_id("mute").click()
    expect(page.get_by_test_id("mute")).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(1000)
    page.get_by_test_id("end").click()
    expect(page.get_by_test_id("start")).to_be_visible()
    ended = eventually(
        lambda: [said for said in events(page, call["call_id"]) if said["type"] == "call_ended"]
    )
    (ledger,) = ended[0]["ledger"]["channels"]
    assert ended[0]["reason"] == "completed"
    assert ledger["paused_ms"] > 800
    assert ledger["captured_ms"] > 4000
    manifest = next((service.home / "archive" / "recordings").rglob("manifest.json"))
    samples, rate_hz = soundfile.read(manifest.parent / "master.flac", dtype="int16")
    assert rate_hz == 16_000
    assert np.abs(samples[-rate_hz // 2 :]).max() < 50, "what is muted is recorded as silence"
    assert json.loads(manifest.read_text(encoding="utf-8"))["body"]["end_reason"] == "completed"


def test_others_have_no_browser_phone(service: Service, pages: dict[str, Page]) -> None:
    page = pages["legal1"]
    page.goto(f"{service.url}/softphone")
    page.wait_for_url("**/recordings")
    assert page.request.get(f"{service.url}/api/v1/softphones").status == 403


def events(page: Page, call_id: str) -> list[dict[str, object]]:
    return list(get(page, f"/calls/{call_id}/events")["items"])
