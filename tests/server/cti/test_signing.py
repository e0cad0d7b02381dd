"""A signed event is taken once, unchanged and in time, or not at all."""

from __future__ import annotations

import pytest
from koemori.server.cti.signing import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    WINDOW_S,
    SignatureCheck,
    SignatureFault,
    sign,
)

pytestmark = pytest.mark.unit

BODY = b'{"type":"call.held"}'
NOW = 1_795_301_882


def fault(check: SignatureCheck, headers: dict[str, str], body: bytes = BODY, at: float = NOW) -> str | None:
    return check.fault(headers.get(TIMESTAMP_HEADER), headers.get(SIGNATURE_HEADER), body, at)


def test_a_right_signature_holds_once() -> None:
    check = SignatureCheck("key")
    headers = sign("key", BODY, NOW)
    assert fault(check, headers) is None
    assert fault(check, headers) is SignatureFault.REPLAYED
    assert fault(check, sign("key", BODY, NOW + 1), at=NOW + 1) is None


def test_the_known_answer_is_the_one_that_the_page_documents() -> None:
    """`printf '1795301882.{}' | openssl dgst -sha256 -hmac geheim`."""
    assert sign("geheim", b"{}", 1_795_301_882) == {
        TIMESTAMP_HEADER: "1795301882",
        SIGNATURE_HEADER: "v1=607d72d9bb6635d3ebece5606f65db713170ae89e031f911b61d4de313dedc09",
    }


@pytest.mark.parametrize("seconds", [WINDOW_S + 1, -WINDOW_S - 1])
def test_a_signature_out_of_its_time_does_not_hold(seconds: int) -> None:
    assert fault(SignatureCheck("key"), sign("key", BODY, NOW), at=NOW + seconds) is SignatureFault.EXPIRED


def test_another_key_body_or_time_does_not_hold() -> None:
    check = SignatureCheck("key")
    right = sign("key", BODY, NOW)
    assert fault(check, sign("other", BODY, NOW)) is SignatureFault.WRONG
    assert fault(check, right, body=BODY + b" ") is SignatureFault.WRONG
    assert fault(check, right | {TIMESTAMP_HEADER: str(NOW + 1)}) is SignatureFault.WRONG
    assert fault(check, right) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {TIMESTAMP_HEADER: str(NOW)},
        {TIMESTAMP_HEADER: "soon", SIGNATURE_HEADER: "v1=" + "0" * 64},
        {TIMESTAMP_HEADER: "9" * 40, SIGNATURE_HEADER: "v1=" + "0" * 64},
        {TIMESTAMP_HEADER: str(NOW), SIGNATURE_HEADER: "v2=" + "0" * 64},
        {TIMESTAMP_HEADER: str(NOW), SIGNATURE_HEADER: "v1=短い"},
    ],
)
def test_headers_that_are_none_are_malformed(headers: dict[str, str]) -> None:
    assert fault(SignatureCheck("key"), headers) is SignatureFault.MALFORMED


def test_while_a_key_is_changed_both_may_sign() -> None:
    old, new = sign("old", BODY, NOW), sign("new", BODY, NOW)
    both = old | {SIGNATURE_HEADER: f"{old[SIGNATURE_HEADER]}, {new[SIGNATURE_HEADER]}"}
    assert fault(SignatureCheck("new"), both) is None
