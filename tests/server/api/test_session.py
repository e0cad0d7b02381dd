"""Signing in and out over HTTP: cookies, origins, limits, expiry."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.office import ORIGIN, PASSWORD, Office, open_office

pytestmark = pytest.mark.integration


def test_signing_in_gives_the_person_and_a_cookie_that_scripts_cannot_read(office: Office) -> None:
    browser = office.browser()
    answer = browser.post("/api/v1/session", json={"username": "Agent1 ", "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.json() == {
        "user_id": office.people["agent1"].user_id,
        "username": "agent1",
        "display_name": "応対 一郎",
        "role": "agent",
        "locale": "ja",
    }
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert browser.get("/api/v1/session").json()["username"] == "agent1"


def test_over_https_the_cookie_is_secure_and_bound_to_the_host(tmp_path: Path) -> None:
    with open_office(tmp_path, server={"public_url": "https://calls.example.jp/"}) as office:
        answer = office.client.post(
            "/api/v1/session",
            json={"username": "agent1", "password": PASSWORD},
            headers={"Origin": "https://calls.example.jp"},
        )
        assert answer.headers["set-cookie"].startswith("__Host-koemori_session=")
        assert "secure" in answer.headers["set-cookie"].lower()
        assert "max-age" in answer.headers["strict-transport-security"]


@pytest.mark.parametrize(
    "given",
    [{"username": "agent1", "password": "wrong password"}, {"username": "nobody", "password": PASSWORD}],
)
def test_a_wrong_name_and_a_wrong_password_answer_alike(office: Office, given: dict[str, str]) -> None:
    answer = office.browser().post("/api/v1/session", json=given)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "sign-in-failed"


def test_a_disabled_account_cannot_sign_in_and_its_session_ends(office: Office) -> None:
    browser = office.browser("agent1")
    office.services.accounts.disable("agent1")
    assert browser.get("/api/v1/session").json()["code"] == "not-signed-in"
    answer = browser.post("/api/v1/session", json={"username": "agent1", "password": PASSWORD})
    assert answer.status_code == 401


def test_signing_out_ends_the_session_on_the_server(office: Office) -> None:
    browser = office.browser("agent1")
    token = browser.cookies["koemori_session"]
    assert browser.delete("/api/v1/session").status_code == 204
    assert "koemori_session" not in browser.cookies
    thief = office.browser()
    thief.cookies.set("koemori_session", token)
    assert thief.get("/api/v1/session").status_code == 401


def test_too_many_failures_are_refused_with_the_time_to_wait(office: Office) -> None:
    browser = office.browser()
    wrong = {"username": "agent1", "password": "wrong password"}
    codes = [browser.post("/api/v1/session", json=wrong).status_code for _ in range(9)]
    assert codes == [401] * 8 + [429]
    right = browser.post("/api/v1/session", json={"username": "agent1", "password": PASSWORD})
    assert right.status_code == 429
    assert 0 < int(right.headers["retry-after"]) <= 300


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://127.0.0.1:9999"])
def test_a_change_from_another_page_is_refused(office: Office, origin: str | None) -> None:
    browser = office.browser("agent1")
    if origin is None:
        del browser.headers["Origin"]
    else:
        browser.headers["Origin"] = origin
    for method, path in (
        ("POST", "/api/v1/ws-tickets"),
        ("DELETE", "/api/v1/session"),
        ("PATCH", "/api/v1/x"),
    ):
        answer = browser.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "origin-refused")
    assert browser.get("/api/v1/session").status_code == 200


@pytest.mark.parametrize("origin", [ORIGIN, "http://localhost:8410", "http://[::1]:8410"])
def test_the_loopback_names_of_the_service_are_its_own_page(office: Office, origin: str) -> None:
    browser = office.browser("agent1")
    browser.headers["Origin"] = origin
    assert browser.post("/api/v1/ws-tickets").status_code == 201


def test_a_body_that_is_too_large_is_refused_announced_or_not(office: Office) -> None:
    browser = office.browser()
    announced = browser.post("/api/v1/session", content=b"x" * 70_000)
    streamed = browser.post(
        "/api/v1/session",
        content=(b"x" * 10_000 for _ in range(7)),
        headers={"Content-Type": "application/json"},
    )
    assert [announced.status_code, streamed.status_code] == [413, 413]
    assert [announced.json()["code"], streamed.json()["code"]] == ["body-too-large"] * 2


def test_a_request_that_does_not_fit_says_where_without_repeating_what_was_sent(office: Office) -> None:
    answer = office.browser().post("/api/v1/session", json={"username": "hanako", "passwort": "secret-word"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "request-invalid"
    assert {error["where"] for error in answer.json()["errors"]} == {"body.password", "body.passwort"}
    assert "secret-word" not in answer.text
    assert "hanako" not in answer.text
