"""An AudioHook client as the vendor's protocol describes it, and the signature of its request."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

SESSION = "e160e428-53e2-487c-977d-96989bf5c99d"
CONVERSATION = "090eaa2f-72fa-480a-83e0-8667ff89c0ec"
NOBODY = "00000000-0000-0000-0000-000000000000"
SECRET = b"TGhlIHNlY3JldCBvZiB0aGUgdGVzdA=="
BOTH = {"type": "audio", "format": "PCMU", "channels": ["external", "internal"], "rate": 8000}
OFFERS = [
    BOTH,
    {"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000},
    {"type": "audio", "format": "PCMU", "channels": ["internal"], "rate": 8000},
]


@dataclass
class AudioHookClient:
    """Numbers its messages; `samples` is its position."""

    session: str = SESSION
    seq: int = 0
    server_seq: int = 0
    samples: int = 0
    answers: list[dict[str, Any]] = field(default_factory=list)

    def say(self, kind: str, **parameters: Any) -> str:
        """The next message."""
        self.seq += 1
        message = {
            "version": "2",
            "id": self.session,
            "type": kind,
            "seq": self.seq,
            "serverseq": self.server_seq,
            "position": duration(self.samples),
            "parameters": parameters,
        }
        return json.dumps(message)

    def open(self, conversation: str = CONVERSATION, media: object = None, **more: Any) -> str:
        """The first message."""
        participant = {
            "id": "883efee8-3d6c-4537-b500-6d7ca4b92fa0",
            "ani": "tel:+81300000000",
            "aniName": "Example",
            "dnis": "+81300000001",
        }
        return self.say(
            "open",
            organizationId="d7934305-0972-4844-938e-9060eef73d05",
            conversationId=conversation,
            participant=participant,
            media=OFFERS if media is None else media,
            language="ja-JP",
            **more,
        )

    def audio(self, external: bytes, internal: bytes) -> bytes:
        """Interleaved µ-law of both sides."""
        self.samples += len(external)
        return bytes(byte for pair in zip(external, internal, strict=True) for byte in pair)

    def hear(self, *replies: str) -> list[dict[str, Any]]:
        """Take answers in, which must be numbered rightly; return them."""
        new = [json.loads(reply) for reply in replies]
        for answer in new:
            assert answer["seq"] == self.server_seq + 1
            assert answer["clientseq"] == self.seq
            assert (answer["version"], answer["id"]) == ("2", self.session)
            self.server_seq = answer["seq"]
        self.answers += new
        return new


def duration(samples: int) -> str:
    """`PT1.6S`."""
    return f"PT{samples / 8000:.6f}".rstrip("0").rstrip(".") + "S"


def signed_headers(
    authority: str = "127.0.0.1:8410",
    target: str = "/ingest/genesys",
    *,
    key: str = "the-api-key",
    secret: bytes = SECRET,
    without: str = "",
    **changed: str,
) -> dict[str, str]:
    """Header fields of a signed request; `changed` replaces parameters, `without` leaves a component out."""
    fields = {
        "audiohook-organization-id": "d7934305-0972-4844-938e-9060eef73d05",
        "audiohook-session-id": SESSION,
        "audiohook-correlation-id": "e1f2f3f4-0000-4000-8000-000000000001",
        "x-api-key": key,
    }
    derived = {"@request-target": target, "@authority": authority}
    now = int(time.time())
    shape = {
        "keyid": f'"{key}"',
        "nonce": f'"{secrets.token_urlsafe(18)}"',
        "alg": '"hmac-sha256"',
        "created": f"{now}",
        "expires": f"{now + 30}",
        **changed,
    }
    covered = [name for name in (*derived, *fields) if name != without]
    raw = "(" + " ".join(f'"{name}"' for name in covered) + ")"
    raw += "".join(f";{name}={value}" for name, value in shape.items())
    lines = [f'"{name}": {({**derived, **fields})[name]}' for name in covered]
    text = "\n".join([*lines, f'"@signature-params": {raw}'])
    digest = hmac.new(base64.b64decode(secret), text.encode(), hashlib.sha256).digest()
    signature = base64.b64encode(digest).decode()
    return {**fields, "signature-input": f"sig1={raw}", "signature": f"sig1=:{signature}:"}
