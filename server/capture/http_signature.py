"""Checks a signed HTTP request as AudioHook clients sign it (HTTP message signatures, draft 11; RFC 9421).

Pure: header fields, address and secret in, the nonce or a refusal out. Only the one shape that such clients
send is read; anything else is refused, so that what is checked is what was signed.

Source: github.com/purecloudlabs/audiohook-reference-implementation, app/audiohook/src/httpsignature;
developer.genesys.cloud/devapps/audiohook/security.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from koemori.audio.errors import KoemoriError

REQUIRED = (
    "@request-target",
    "@authority",
    "audiohook-organization-id",
    "audiohook-session-id",
    "audiohook-correlation-id",
    "x-api-key",
)
_MOST_CHARACTERS = 4_096
_LEAST_NONCE = 22
_LABEL = r"[a-z*][a-z0-9_.*-]{0,31}"
_INPUT = re.compile(
    rf"({_LABEL})=(\(((?:\"[a-z@0-9-]{{1,64}}\" ?){{1,16}})\)"
    r'((?:;[a-z]{1,16}=(?:"[\x20-\x21\x23-\x5b\x5d-\x7e]{0,256}"|\d{1,15})){1,8}))'
)
_SIGNATURE = re.compile(rf"({_LABEL})=:([A-Za-z0-9+/]{{1,128}}={{0,2}}):")
_PARAMETER = re.compile(r';([a-z]+)=(?:"([^"]*)"|(\d+))')


class SignatureError(KoemoriError):
    """A request that is not signed as it should be; `reason` is a stable code."""

    code = "bad-signature"

    def __init__(self, reason: str) -> None:
        super().__init__(f"signed request: expected a valid signature; got {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What is looked at of a request.

    Attributes:
        target: Path and query as the client sent them.
        authority: Host, and port unless it is the usual one, as the client knows it.
        fields: Header fields, names in lower case; one value each.
    """

    target: str
    authority: str
    fields: Mapping[str, str]


def check_signature(
    request: SignedRequest,
    key_id: str,
    secret: bytes,
    now_s: float,
    *,
    most_age_s: float = 10.0,
    skew_s: float = 3.0,
) -> str:
    """Return the nonce of a request that is signed with `secret`; the caller sees that it is new.

    Args:
        request: See there.
        key_id: The API key; must be the signature's `keyid` and the request's `X-API-KEY`.
        secret: The client secret, decoded.
        now_s: Unix time.
        most_age_s: How old a signature may be.
        skew_s: How far clocks may differ.

    Raises:
        SignatureError: Anything is missing, too old, or does not match.
    """
    shape, raw, components, given = _read(request.fields)
    if len(set(components)) != len(components) or not set(REQUIRED) <= set(components):
        raise SignatureError("components")
    if shape.get("alg", "hmac-sha256") != "hmac-sha256":
        raise SignatureError("algorithm")
    lines = [f'"{name}": {_component(request, name)}' for name in components]
    text = "\n".join([*lines, f'"@signature-params": {raw}'])
    digest = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    matches = hmac.compare_digest(digest, given)
    matches &= _same(shape.get("keyid", ""), key_id)
    matches &= _same(request.fields.get("x-api-key", ""), key_id)
    if not matches:
        raise SignatureError("mismatch")
    _check_times(shape, now_s, most_age_s, skew_s)
    nonce = shape.get("nonce", "")
    if len(nonce) < _LEAST_NONCE:
        raise SignatureError("nonce")
    return nonce


def _read(fields: Mapping[str, str]) -> tuple[dict[str, str], str, list[str], bytes]:
    told, signed = fields.get("signature-input", ""), fields.get("signature", "")
    if not told or not signed:
        raise SignatureError("unsigned")
    if max(len(told), len(signed)) > _MOST_CHARACTERS:
        raise SignatureError("too-long")
    shape, signature = _INPUT.fullmatch(told.strip()), _SIGNATURE.fullmatch(signed.strip())
    if shape is None or signature is None or shape.group(1) != signature.group(1):
        raise SignatureError("unreadable")
    pairs = [(name, text or digits) for name, text, digits in _PARAMETER.findall(shape.group(4))]
    if len(dict(pairs)) != len(pairs):
        raise SignatureError("parameters")
    try:
        given = base64.b64decode(signature.group(2), validate=True)
    except (binascii.Error, ValueError):
        raise SignatureError("unreadable") from None
    return dict(pairs), shape.group(2), re.findall(r'"([^"]*)"', shape.group(3)), given


def _component(request: SignedRequest, name: str) -> str:
    if name == "@request-target":
        return request.target
    if name == "@authority":
        return request.authority.lower()
    if name.startswith("@") or name in ("signature", "signature-input") or name not in request.fields:
        raise SignatureError("components")
    return request.fields[name].strip()


def _check_times(shape: Mapping[str, str], now_s: float, most_age_s: float, skew_s: float) -> None:
    created, expires = shape.get("created", ""), shape.get("expires", "")
    if not created.isdigit():
        raise SignatureError("no-time")
    age_s = now_s - int(created)
    if age_s < -skew_s:
        raise SignatureError("future")
    if age_s > most_age_s or (expires.isdigit() and int(expires) < now_s):
        raise SignatureError("expired")


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())
