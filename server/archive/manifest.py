"""Manifest of a recording: what was recorded, hashed so that a change shows. Standard library only.

`manifest.json` is one JSON object: `body` (the statement), `body_sha256` (SHA-256 of the body's canonical
bytes) and `signatures` (empty until a signer is configured). Canonical bytes are `json.dumps` with sorted
keys, no spaces, UTF-8, no floats. The audio hash `pcm_sha256` is over the decoded samples, interleaved,
signed 16 bit, little endian; checking it needs a FLAC decoder, which the caller brings. Everything else can
be checked with this file and Python alone.

A hash shows a change to whoever holds the right hash from elsewhere; someone who can rewrite the whole
directory can also rewrite the manifest. Pass `expected_manifest_sha256` from a place out of their reach.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = "koemori.recording-manifest"
SCHEMA_VERSION = 1
MANIFEST_NAME = "manifest.json"
MASTER_NAME = "master.flac"
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 1 << 20

Decode = Callable[[Path], Iterator[bytes]]
"""Decodes a master to interleaved s16le bytes; raises `DecodeError` when it cannot."""


class DecodeError(Exception):
    """A master that does not decode to its end."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing compared: what the manifest (or the caller) says, and what is there."""

    name: str
    ok: bool
    expected: str
    came: str
    file: str


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """All checks of one recording; `manifest_sha256` is of the file found, empty when unreadable."""

    ok: bool
    checks: tuple[Check, ...]
    manifest_sha256: str

    def failures(self) -> tuple[Check, ...]:
        """Return the checks that failed."""
        return tuple(check for check in self.checks if not check.ok)


def canonical_bytes(body: Mapping[str, Any]) -> bytes:
    """Return the bytes that are hashed (and later signed)."""
    return json.dumps(
        body, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode()


def manifest_bytes(body: Mapping[str, Any]) -> bytes:
    """Return the content of `manifest.json` for a body."""
    document = {
        "body": body,
        "body_sha256": hashlib.sha256(canonical_bytes(body)).hexdigest(),
        "signatures": [],
    }
    return (json.dumps(document, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()


def file_sha256(path: Path) -> str:
    """Hash a file in chunks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def read_manifest(directory: Path) -> dict[str, Any]:
    """Return the body of a recording's manifest without checking it.

    Raises:
        ValueError: There is no readable manifest.
    """
    path = directory / MANIFEST_NAME
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise ValueError(f"expected a manifest of at most {MAX_MANIFEST_BYTES} bytes")
        document = json.loads(path.read_bytes())
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"expected a readable {MANIFEST_NAME}; got {type(error).__name__}") from error
    if not isinstance(document, dict) or not isinstance(document.get("body"), dict):
        raise ValueError(f"expected an object with a body in {MANIFEST_NAME}")
    body: dict[str, Any] = document["body"]
    return body


def verify_recording(
    directory: Path, *, decode: Decode | None = None, expected_manifest_sha256: str | None = None
) -> VerifyResult:
    """Check a recording's directory against its manifest.

    Args:
        directory: Holds `manifest.json` and the files it names.
        decode: Decoder of the master; without it the samples' hash is not checked (the file's hash still is).
        expected_manifest_sha256: The manifest's hash as known from elsewhere.

    Returns:
        Every check made; never raises for what it finds in the directory.
    """
    path = directory / MANIFEST_NAME
    try:
        body = read_manifest(directory)
        raw = path.read_bytes()
        stated = json.loads(raw).get("body_sha256")
        computed = hashlib.sha256(canonical_bytes(body)).hexdigest()
    except (ValueError, OSError) as error:
        return VerifyResult(
            False, (Check("manifest", False, "a readable manifest", str(error), MANIFEST_NAME),), ""
        )
    manifest_sha256 = hashlib.sha256(raw).hexdigest()
    checks = [_compare("manifest-self-hash", stated, computed, MANIFEST_NAME)]
    if expected_manifest_sha256 is not None:
        checks.append(_compare("manifest-sha256", expected_manifest_sha256, manifest_sha256, MANIFEST_NAME))
    checks.append(_compare("schema", f"{SCHEMA} {SCHEMA_VERSION}", _schema_of(body), MANIFEST_NAME))
    checks += _check_files(directory, body)
    if decode is not None:
        checks += _check_samples(directory, body, decode)
    checks += _check_ledger(body)
    return VerifyResult(all(check.ok for check in checks), tuple(checks), manifest_sha256)


def _compare(name: str, expected: object, came: object, file: str) -> Check:
    return Check(name, expected == came, str(expected), str(came), file)


def _schema_of(body: Mapping[str, Any]) -> str:
    return f"{body.get('schema')} {body.get('schema_version')}"


def _check_files(directory: Path, body: Mapping[str, Any]) -> list[Check]:
    files = body.get("files")
    if not isinstance(files, list) or not files:
        return [Check("files", False, "a list of files", type(files).__name__, MANIFEST_NAME)]
    checks = []
    for entry in files:
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or name != Path(name).name or name in {"", ".", ".."}:
            checks.append(Check("files", False, "a plain file name", str(name), MANIFEST_NAME))
            continue
        path = directory / name
        if not path.is_file():
            checks.append(Check("file-present", False, "the file", "nothing", name))
            continue
        try:
            size, digest = path.stat().st_size, file_sha256(path)
        except OSError as error:
            checks.append(Check("file-present", False, "a readable file", type(error).__name__, name))
            continue
        checks.append(_compare("file-size", entry.get("size_bytes"), size, name))
        checks.append(_compare("file-sha256", entry.get("sha256"), digest, name))
    return checks


def _check_samples(directory: Path, body: Mapping[str, Any], decode: Decode) -> list[Check]:
    audio = body.get("audio")
    if not isinstance(audio, dict) or not isinstance(audio.get("channels"), list):
        return [Check("audio", False, "the audio's description", type(audio).__name__, MANIFEST_NAME)]
    digest, byte_count = hashlib.sha256(), 0
    try:
        for chunk in decode(directory / MASTER_NAME):
            digest.update(chunk)
            byte_count += len(chunk)
    except DecodeError as error:
        return [Check("pcm-sha256", False, str(audio.get("pcm_sha256")), str(error), MASTER_NAME)]
    frame_bytes = 2 * max(1, len(audio["channels"]))
    return [
        _compare("sample-count", audio.get("sample_count"), byte_count // frame_bytes, MASTER_NAME),
        _compare("pcm-sha256", audio.get("pcm_sha256"), digest.hexdigest(), MASTER_NAME),
    ]


def _check_ledger(body: Mapping[str, Any]) -> list[Check]:
    """Check that each channel's causes sum to the duration, in samples and in milliseconds."""
    try:
        sample_count = body["audio"]["sample_count"]
        channels = body["ledger"]["channels"]
        checks = []
        for channel in channels:
            for unit, duration in (("samples", sample_count), ("ms", channel["duration_ms"])):
                total = sum(
                    value
                    for key, value in channel.items()
                    if key.endswith(f"_{unit}") and not key.startswith("duration_")
                )
                name = f"ledger-{unit}-channel-{channel['index']}"
                checks.append(_compare(name, duration, total, MANIFEST_NAME))
    except (KeyError, TypeError, AttributeError) as error:
        return [Check("ledger", False, "a ledger per channel", type(error).__name__, MANIFEST_NAME)]
    return checks
