"""Answers to requests: their headers, and what each refusal must say besides its status.

Source: RFC 3261 §8.2.6, §21; RFC 7866 §6.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from koemori.audio.sip.message import Headers, Request, Response

ALLOW = ("INVITE", "ACK", "BYE", "CANCEL", "UPDATE", "OPTIONS", "INFO", "PRACK")
SUPPORTED = ("siprec", "timer", "100rel")
ACCEPT = "application/sdp, application/rs-metadata, application/rs-metadata+xml, multipart/mixed"
_REASONS = {
    100: "Trying",
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    420: "Bad Extension",
    422: "Session Interval Too Small",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    486: "Busy Here",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
}


def make_response(
    request: Request,
    status: int,
    tag: str,
    rows: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
) -> Response:
    """An answer to a request.

    Args:
        request: With `received` filled into its Via.
        status: 100 to 699.
        tag: Ours, for a `To` that has none; a fresh one when empty.
        rows: Headers besides those that are copied.
        body: Of the answer.
    """
    to = request.headers.get("To") or ""
    if status > 100 and ";tag=" not in to.rpartition(">")[2].lower():
        to = f"{to};tag={tag or secrets.token_hex(8)}"
    copied = [("Via", hop) for hop in request.headers.listed("Via")]
    if status in range(180, 300):
        copied += [("Record-Route", route) for route in request.headers.listed("Record-Route")]
    headers = (
        *copied,
        ("From", request.headers.get("From") or ""),
        ("To", to),
        ("Call-ID", request.headers.get("Call-ID") or ""),
        ("CSeq", request.headers.get("CSeq") or ""),
        ("Server", "koemori"),
        *rows,
    )
    return Response(status, _REASONS.get(status, "Refused"), Headers(headers), body)


def refusal_rows(status: int, request: Request | None = None, came: str = "") -> Sequence[tuple[str, str]]:
    """Headers that say how the next attempt could succeed."""
    match status:
        case 405:
            return (
                ("Allow", ", ".join(ALLOW)),
                ("Supported", ", ".join(SUPPORTED)),
                ("Accept", ACCEPT),
            )
        case 415:
            return (("Accept", ACCEPT), ("Accept-Encoding", "identity"))
        case 420 if request is not None:
            return (("Unsupported", ", ".join(unsupported_tags(request.headers))),)
        case 488:
            return (("Warning", f'305 koemori "{came}"'),)
        case 500:
            return (("Retry-After", "1"),)
        case 480 | 503:
            return (("Retry-After", "10"),)
        case _:
            return ()


def unsupported_tags(headers: Headers) -> tuple[str, ...]:
    """Option tags that are required and not known; tags that lost their comma are told apart."""
    return tuple(tag for tag in headers.listed("Require") if not _known(tag.lower()))


def _known(tag: str) -> bool:
    """Whether the tag is a run of known ones: a Cisco sender wrote `100relsiprec`."""
    rest = tag
    for _ in range(len(SUPPORTED)):
        rest = next((rest.removeprefix(name) for name in SUPPORTED if rest.startswith(name)), rest)
    return not rest
