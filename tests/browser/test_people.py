"""The product as its people use it, in a real browser: one call, from the first word to the hash check."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Office

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PICTURES = os.environ.get("SCREENSHOTS") == "1"
"""Renew the pictures of the docs; a person then looks at them. The call is then played from its beginning."""
SHOTS = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
UTTERANCES = (
    "() => [...document.querySelectorAll('[data-testid=\"utterance\"]')].map(e => e.dataset.utteranceId)"
)


def shoot(page: Page, name: str) -> None:
    """Keep a picture for the docs, if this run renews them."""
    if PICTURES:
        page.screenshot(path=SHOTS / f"{name}.png", animations="disabled")


def eventually(what: Callable[[], Any], timeout_s: float = 60) -> Any:
    """Wait until `what()` is true; return it."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if value := what():
            return value
        time.sleep(0.2)
    raise AssertionError("it did not come about in time")


def get(page: Page, path: str) -> Any:
    """Ask the API with the page's session."""
    answer = page.request.get(f"{page.url.split('/', 3)[0]}//{page.url.split('/', 3)[2]}/api/v1{path}")
    assert answer.ok, (path, answer.status)
    return answer.json()


@pytest.fixture(scope="module")
def call_id(office: Office) -> str:
    """The one call, rung at first use: forty seconds in which a complaint turns into abuse."""
    legal = office.page_of("supervisor1")
    office.ring("c01", 0.0 if PICTURES else 56.0, 98.0)
    calls = eventually(lambda: get(legal, "/calls?state=live")["items"])
    legal.context.close()
    return str(calls[0]["call_id"])


@pytest.fixture(scope="module")
def ended(office: Office, call_id: str) -> dict[str, Any]:
    """The call as the API tells it once it is sealed."""
    page = office.page_of("supervisor1")
    call = eventually(
        lambda: (
            (found := get(page, f"/calls/{call_id}"))["state"] == "ended" and found["recording_id"] and found
        ),
        timeout_s=120,
    )
    page.context.close()
    return dict(call)


def shown(page: Page) -> list[str]:
    """Utterance ids on the page, in order."""
    return list(page.evaluate(UTTERANCES))


def test_reload_second_tab_and_dropped_socket_resume_the_live_call(office: Office, call_id: str) -> None:
    first = office.page_of("agent1")
    expect(first.get_by_test_id("conversation")).to_be_visible()
    eventually(lambda: len(shown(first)) >= 1)

    first.reload()
    eventually(lambda: len(shown(first)) >= 1)

    second = first.context.new_page()
    second.goto(office.line.url)
    eventually(lambda: len(shown(second)) >= 2)

    mark = first.locator('[data-testid="alert-mark"]').first
    expect(mark).to_be_visible(timeout=100_000)
    expect(first.get_by_test_id("guidance-say")).not_to_be_empty()
    expect(first.get_by_test_id("text-latency")).to_be_visible()

    assert office.line.cut() > 0
    expect(first.get_by_test_id("connection")).not_to_have_attribute("data-state", "live", timeout=10_000)
    time.sleep(3)
    office.line.mend()

    name = first.locator('[data-testid="case-field"][data-field="customer_name"] input')
    name.fill("小野寺 剛")
    first.keyboard.press("Control+Enter")
    status = '[data-testid="case-field"][data-field="customer_name"]'
    expect(first.locator(status)).to_have_attribute("data-status", "confirmed", timeout=20_000)
    expect(second.locator(f"{status} input")).to_have_value("小野寺 剛", timeout=20_000)

    if PICTURES:
        grave = first.locator('[data-testid="alert-mark"][data-severity="2"]')
        expect(grave.nth(1)).to_be_visible(timeout=60_000)
    shoot(first, "desk")

    first.keyboard.press("F4")
    banner = first.get_by_test_id("masking-banner")
    expect(banner).to_be_visible(timeout=5_000)
    expect(second.get_by_test_id("masking-banner")).to_be_visible(timeout=5_000)
    expect(first.get_by_test_id("masking-left")).not_to_be_empty()
    shoot(first, "desk-masked")
    first.get_by_test_id("mask-stop").click()
    expect(banner).to_be_hidden(timeout=5_000)

    office.queue_event("queue.joined", "waiting", 25)
    office.queue_event("queue.joined", "answered", 120)
    office.queue_event("agent.connected", "answered", 111, agent_id="agent1", wait_s=9)
    supervisor = office.page_of("supervisor1")
    figures = supervisor.locator('[data-testid="queue-row"][data-queue="support"]')
    expect(figures.locator('[data-figure="waiting"] [data-testid="figure-value"]')).to_have_text("1人")
    row = supervisor.locator(f'[data-testid="live-call"][data-call-id="{call_id}"]')
    expect(row).to_be_visible()
    shoot(supervisor, "board")
    supervisor.context.close()

    office.talking.join(60)  # type: ignore[union-attr]
    expect(first.get_by_test_id("call-ended")).to_be_visible(timeout=60_000)
    expect(second.get_by_test_id("call-ended")).to_be_visible(timeout=20_000)
    said = [item["utterance_id"] for item in get(first, f"/calls/{call_id}/transcript")["utterances"]]
    assert len(said) >= 5
    assert sorted(shown(first)) == sorted(said)
    assert sorted(shown(second)) == sorted(said)
    case = get(first, f"/cases/{call_id}")
    assert case["fields"]["customer_name"]["value"] == "小野寺 剛"
    assert case["fields"]["customer_name"]["confirmed"] is True
    first.context.close()


def test_another_agent_is_refused_the_recording(office: Office, ended: dict[str, Any]) -> None:
    other = office.page_of("agent2")
    for path in (f"/recordings/{ended['recording_id']}", f"/calls/{ended['call_id']}/transcript"):
        answer = other.request.get(f"{office.line.url}/api/v1{path}")
        assert answer.status == 403
        assert answer.json()["code"]
    other.context.close()


def test_legal_finds_the_call_by_a_word_hears_it_and_checks_it(office: Office, ended: dict[str, Any]) -> None:
    page = office.page_of("legal1")
    form = page.get_by_test_id("search-form")
    form.locator('input[name="words"]').fill("頭おかしい")
    page.get_by_test_id("search").click()
    hit = page.get_by_test_id("hit").first
    expect(hit).to_be_visible()
    shoot(page, "recordings")
    hit_ms = int(hit.get_attribute("data-start-ms") or "0")
    hit.click()

    page.locator('[name="purpose"]').first.fill("苦情内容の確認")
    page.get_by_test_id("purpose-submit").click()
    audio = page.get_by_test_id("audio")
    expect(audio).to_be_attached()
    eventually(lambda: abs(audio.evaluate("a => a.currentTime") * 1000 - hit_ms) < 15_000 and hit_ms > 0)
    page.get_by_test_id("play").click()
    eventually(lambda: audio.evaluate("a => a.currentTime") * 1000 > hit_ms + 300)
    shoot(page, "recording")

    page.get_by_test_id("tab-proof").click()
    verify(page)
    expect(page.get_by_test_id("verify-result")).to_have_attribute("data-ok", "true")
    shoot(page, "proof")

    flip_a_byte(office.service.home / "archive", str(ended["recording_id"]))
    verify(page)
    expect(page.get_by_test_id("verify-result")).to_have_attribute("data-ok", "false")
    accesses = get(page, f"/recordings/{ended['recording_id']}")["accesses"]
    assert {"play", "verify"} <= {access["action"] for access in accesses}
    page.context.close()


def verify(page: Page) -> None:
    """Ask for the hash check with a reason."""
    page.locator('[name="verify-purpose"]').fill("証拠の確認")
    page.get_by_test_id("verify").click()


def flip_a_byte(archive: Path, recording_id: str) -> None:
    """Change one byte in the middle of the sealed audio, as a forger or a bad disk would."""
    master = next(archive.rglob(f"{recording_id}/master.flac"))
    master.chmod(0o600)
    data = bytearray(master.read_bytes())
    data[len(data) // 2] ^= 0x01
    master.write_bytes(data)
