"""What a peer shows to prove itself: tokens, passwords and signatures, right and wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.server.capture import proofs
from koemori.server.capture.http_signature import SignatureError, SignedRequest, check_signature

from tests.fakes.audiohook import SECRET, signed_headers

pytestmark = pytest.mark.unit
KEY = base64.b64decode(SECRET)


def test_a_bearer_token_is_compared_whole() -> None:
    assert proofs.bearer("Bearer s3cret", "s3cret")
    assert proofs.bearer("bearer  s3cret", "s3cret")
    for given_text in (
        "",
        "s3cret",
        "Bearer",
        "Bearer s3cre",
        "Bearer s3cretX",
        "Basic s3cret",
        "Bearer 秘密",
    ):
        assert not proofs.bearer(given_text, "s3cret")


def test_name_and_password_are_compared_whole() -> None:
    right = base64.b64encode(b"bandwidth:s3cret").decode()
    assert proofs.basic(f"Basic {right}", "bandwidth", "s3cret")
    for given_text in ("", right, "Basic", "Basic %%%", f"Bearer {right}", "Basic " + "A" * 5000):
        assert not proofs.basic(given_text, "bandwidth", "s3cret")
    assert not proofs.basic(f"Basic {right}", "bandwidth", "other")


@pytest.mark.parametrize(
    "signed",
    [
        "wss://calls.example.jp/ingest/media",
        "https://calls.example.jp/ingest/media",
        "wss://calls.example.jp:443/ingest/media",
        "https://calls.example.jp:443/ingest/media",
    ],
)
def test_twilios_signature_fits_whichever_spelling_was_signed(signed: str) -> None:
    given_text = base64.b64encode(hmac.new(b"s3cret", signed.encode(), hashlib.sha1).digest()).decode()
    address = "wss://calls.example.jp/ingest/media"
    assert proofs.url_sha1(given_text, "s3cret", address)
    assert not proofs.url_sha1(given_text, "other", address)
    assert not proofs.url_sha1(given_text, "s3cret", "wss://calls.example.jp/ingest/other")
    assert not proofs.url_sha1(given_text, "s3cret", "ws://calls.example.jp/ingest/media")


def test_another_port_is_part_of_the_address() -> None:
    assert list(proofs.addresses("ws://[::1]:8410/ingest/x?a=b")) == [
        "ws://[::1]:8410/ingest/x?a=b",
        "http://[::1]:8410/ingest/x?a=b",
    ]


def plivo(url: str, nonce: str) -> str:
    """As the vendor's library signs a GET request whose query is sorted already."""
    return base64.b64encode(hmac.new(b"s3cret", f"{url}.{nonce}".encode(), hashlib.sha256).digest()).decode()


def test_plivos_signature_covers_address_query_and_nonce() -> None:
    right = plivo("wss://calls.example.jp/ingest/plivo?a=1&b=2", "12345")
    address = "wss://calls.example.jp/ingest/plivo?b=2&a=1"
    assert proofs.url_nonce_sha256(right, "12345", "s3cret", address)
    assert proofs.url_nonce_sha256(f"old,{right}", "12345", "s3cret", address)
    for given_text, nonce, secret in (
        (right, "1234", "s3cret"),
        (right, "", "s3cret"),
        (right, "12345", "x"),
    ):
        assert not proofs.url_nonce_sha256(given_text, nonce, secret, address)


def test_a_nonce_is_used_once_and_forgotten_in_time() -> None:
    seen = proofs.SeenNonces(keep_s=10, most=3)
    assert [seen.use("a", 0.0), seen.use("a", 9.0), seen.use("a", 11.0)] == [True, False, True]
    assert all(seen.use(name, 12.0) for name in "bcd")
    assert len(seen._seen) == 3


def request(fields: dict[str, str], **changes: str) -> SignedRequest:
    return SignedRequest(
        changes.get("target", "/ingest/genesys"), changes.get("authority", "127.0.0.1:8410"), fields
    )


def now_of(fields: dict[str, str]) -> float:
    return float(fields["signature-input"].partition("created=")[2].partition(";")[0])


def test_a_request_signed_as_the_vendor_does_is_taken() -> None:
    fields = signed_headers()
    nonce = check_signature(request(fields), "the-api-key", KEY, now_of(fields) + 9)
    assert f'nonce="{nonce}"' in fields["signature-input"]


REFUSED = {
    "unsigned": ({}, {"signature": ""}, {}, 0),
    "another secret": ({"secret": base64.b64encode(b"other")}, {}, {}, 0),
    "another key": ({"key": "another-key"}, {}, {}, 0),
    "a key that is not the signature's": ({}, {"x-api-key": "another"}, {}, 0),
    "another key id": ({"keyid": '"another"'}, {}, {}, 0),
    "another session": ({}, {"audiohook-session-id": "x"}, {}, 0),
    "another address": ({}, {}, {"target": "/ingest/other"}, 0),
    "another host": ({}, {}, {"authority": "elsewhere.example"}, 0),
    "too old": ({}, {}, {}, 11),
    "from the future": ({}, {}, {}, -4),
    "expired": ({"expires": "1000000000"}, {}, {}, 0),
    "no time": ({"created": '"now"'}, {}, {}, 0),
    "a short nonce": ({"nonce": '"123456789012345678901"'}, {}, {}, 0),
    "another algorithm": ({"alg": '"rsa-pss-sha512"'}, {}, {}, 0),
    "without the host": ({"without": "@authority"}, {}, {}, 0),
    "without the session": ({"without": "audiohook-session-id"}, {}, {}, 0),
    "without the key": ({"without": "x-api-key"}, {}, {}, 0),
    "another label": ({}, {"signature": "sig2=:AAAA:"}, {}, 0),
    "no base64": ({}, {"signature": "sig1=:AAA:"}, {}, 0),
    "two signatures": ({}, {"signature-input": 'sig1=("x-api-key");a=1, sig2=("x-api-key");a=1'}, {}, 0),
    "a long one": ({}, {"signature-input": "sig1=(" + '"x-api-key" ' * 900 + ");a=1"}, {}, 0),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_that_is_not_signed_rightly_is_refused(name: str) -> None:
    made, fields, changes, later_s = REFUSED[name]
    good = signed_headers()
    signed = {**signed_headers(**made), **fields}  # type: ignore[arg-type]
    with pytest.raises(SignatureError) as refused:
        check_signature(request(signed, **changes), "the-api-key", KEY, now_of(good) + later_s)
    assert "the-api-key" not in str(refused.value)


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_fields_are_refused_and_nothing_else(told: str, signed: str) -> None:
    fields = {**signed_headers(), "signature-input": told, "signature": signed}
    with pytest.raises(SignatureError):
        check_signature(request(fields), "the-api-key", KEY, 1e9)
