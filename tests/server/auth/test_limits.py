"""Attempts, origins and tickets: small guards with clocks of their own."""

from __future__ import annotations

import pytest
from koemori.server.auth.attempts import MAX_PER_ADDRESS, MAX_PER_USERNAME, WINDOW_S, AttemptLimiter
from koemori.server.auth.origins import Origins
from koemori.server.ws.tickets import LIFETIME_S, Tickets

pytestmark = pytest.mark.unit


class Clock:
    """Monotonic seconds that stand still until they are turned."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_failures_of_one_name_are_limited_and_forgotten_after_the_window() -> None:
    clock = Clock()
    limiter = AttemptLimiter(clock)
    for number in range(MAX_PER_USERNAME):
        assert limiter.begin("a", f"10.0.0.{number}") is None
    clock.now_s += 100
    assert limiter.begin("a", "10.0.0.99") == pytest.approx(WINDOW_S - 100)
    assert limiter.begin("b", "10.0.0.99") is None
    clock.now_s += WINDOW_S - 100
    assert limiter.begin("a", "10.0.0.99") is None


def test_failures_from_one_address_are_limited_over_all_names() -> None:
    limiter = AttemptLimiter(Clock())
    for number in range(MAX_PER_ADDRESS):
        assert limiter.begin(f"user{number}", "10.0.0.1") is None
    assert limiter.begin("another", "10.0.0.1") is not None


def test_a_right_password_forgives_the_name_and_takes_its_own_attempt_back() -> None:
    limiter = AttemptLimiter(Clock())
    for _ in range(200):
        assert limiter.begin("a", "10.0.0.1") is None
        limiter.succeeded("a", "10.0.0.1")


def test_names_that_nobody_tries_again_take_no_memory_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("koemori.server.auth.attempts._MAX_KEYS", 20)
    clock = Clock()
    limiter = AttemptLimiter(clock)
    for number in range(200):
        clock.now_s += WINDOW_S / 5
        limiter.begin(f"user{number}", f"10.0.{number}.1")
    assert len(limiter._failures) <= 40


@pytest.mark.parametrize(
    ("public_url", "origin", "allowed"),
    [
        ("https://calls.example.jp/", "https://calls.example.jp", True),
        ("https://calls.example.jp:443", "https://calls.example.jp", True),
        ("https://Calls.Example.jp", "https://calls.example.jp", True),
        ("https://calls.example.jp", "http://calls.example.jp", False),
        ("https://calls.example.jp", "https://calls.example.jp.evil.example", False),
        ("https://calls.example.jp", "http://127.0.0.1:8410", False),
        ("http://10.0.0.5:8410", "http://10.0.0.5:8410", True),
        (None, "http://127.0.0.1:8410", True),
        (None, "http://localhost:8410", True),
        (None, "http://[::1]:8410", True),
        (None, "http://localhost:8411", False),
        (None, "null", False),
        (None, None, False),
    ],
)
def test_only_the_service_itself_is_an_allowed_origin(
    public_url: str | None, origin: str | None, allowed: bool
) -> None:
    scope = {"type": "http", "server": ("127.0.0.1", 8410)}
    assert Origins(public_url).allows(origin, scope) is allowed


def test_a_ticket_works_once_and_soon() -> None:
    clock = Clock()
    tickets = Tickets(clock)
    ticket = tickets.issue("session")
    assert tickets.redeem(ticket + "x") is None
    assert tickets.redeem(ticket) == "session"
    assert tickets.redeem(ticket) is None
    late = tickets.issue("session")
    clock.now_s += LIFETIME_S
    assert tickets.redeem(late) is None


def test_tickets_that_nobody_uses_take_no_memory_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("koemori.server.ws.tickets._MAX_OPEN", 5)
    clock = Clock()
    tickets = Tickets(clock)
    issued = [tickets.issue(f"s{number}") for number in range(8)]
    assert [tickets.redeem(ticket) for ticket in issued] == [None] * 3 + [
        f"s{number}" for number in range(3, 8)
    ]
    old = tickets.issue("old")
    clock.now_s += LIFETIME_S
    tickets.issue("new")
    assert old
    assert len(tickets._open) == 1
