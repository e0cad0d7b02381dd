"""What the doctor says of a third opinion: whether it answers, and where texts go."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from koemori.server.config import Settings
from koemori.server.doctor.findings import Finding
from koemori.server.doctor.third_opinion import check_third_opinion

from tests.fakes.chat import ChatService, chat_service

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def service() -> Iterator[ChatService]:
    with chat_service() as running:
        yield running


def examine(url: str | None, **chosen: object) -> Finding:
    third = {"url": url, "model": "some-model", **chosen}
    return check_third_opinion(Settings.model_validate({"assist": {"third_opinion": third}}))


def test_by_default_no_text_leaves_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "create_connection")
    finding = check_third_opinion(Settings())
    assert (finding.state, finding.came) == ("ok", "no third opinion; no text leaves this machine")


def test_a_service_on_this_machine_that_has_the_model_is_well(service: ChatService) -> None:
    finding = examine(service.url)
    assert finding.state == "ok"
    assert finding.came.startswith("some-model at 127.0.0.1: reachable")
    assert "stay on this machine" in finding.came
    assert service.asked == []


def test_a_model_is_found_without_its_tag(service: ChatService) -> None:
    service.models = ("some-model:latest",)
    assert examine(service.url).state == "ok"
    service.models = ("other",)
    finding = examine(service.url)
    assert (finding.state, "lists no such model" in finding.came) == ("warning", True)
    service.models = ("some-model",)


def test_a_wrong_key_is_a_failure_and_stays_secret(service: ChatService, tmp_path: Path) -> None:
    service.key = "right"
    key = tmp_path / "key"
    key.write_text("wrong\n", encoding="utf-8")
    finding = examine(service.url, api_key_file=key)
    assert finding.state == "failed"
    assert "401" in finding.came
    assert "wrong" not in f"{finding}"
    key.write_text("right\n", encoding="utf-8")
    assert examine(service.url, api_key_file=key).state == "ok"
    service.key = None


def test_a_service_that_is_away_is_a_warning_as_calls_go_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    finding = examine(f"http://127.0.0.1:{port}/v1")
    assert finding.state == "warning"
    assert "not reached (ConnectError)" in finding.came


def test_another_host_is_named_with_what_it_keeps() -> None:
    finding = examine("https://llm.invalid/v1", retention_note="30日で消去")
    assert "LEAVE THIS MACHINE for llm.invalid (retention: 30日で消去)" in finding.came
    assert finding.figures["is_here"] is False
