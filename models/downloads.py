"""One file over HTTP: resumed where it broke off, followed through redirects, refused without room."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from koemori.models.errors import ModelStorageError
from koemori.models.model_cache import Progress
from koemori.models.model_folder import sha256_of

if TYPE_CHECKING:
    import httpx

_TIMEOUT_S: Final = 30.0
_GIT_DIGEST: Final = re.compile(r"[0-9a-f]{40}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class DownloadError(Exception):
    """A file that could not be had; `status` is the answer's code, 0 when there was none."""

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What the answer said of a file.

    Attributes:
        commit: The hub's commit that it belongs to, empty when not said.
        digest: The file's sha256 (64 digits) or git digest (40), empty when not said.
    """

    commit: str = ""
    digest: str = ""


def download(
    url: str,
    target: Path,
    report: Progress,
    size_bytes: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Downloaded:
    """Fetch a file; a part that lies at `target` already is continued.

    Args:
        url: Where it is; redirects are followed, credentials stay with the first host.
        target: Where to write.
        report: Told of every block.
        size_bytes: How long it must become, when that is known.
        headers: Sent along.

    Raises:
        DownloadError: The server refused, broke off or sent another length.
        ModelStorageError: The disk has no room for it.
    """
    import httpx

    have_bytes = target.stat().st_size if target.exists() else 0
    if size_bytes is not None and have_bytes > size_bytes:
        target.unlink()
        have_bytes = 0
    sent = {"Accept-Encoding": "identity", **(headers or {})}
    if have_bytes:
        sent["Range"] = f"bytes={have_bytes}-"
    try:
        with httpx.stream("GET", url, headers=sent, timeout=_TIMEOUT_S, follow_redirects=True) as response:
            said = _said(response)
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and have_bytes:
                return said
            response.raise_for_status()
            resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
            _write(response, target, have_bytes if resumed else 0, report, size_bytes)
    except httpx.HTTPStatusError as failure:
        status = failure.response.status_code
        raise DownloadError(f"answered {status} for {target.name}", status) from None
    except (httpx.HTTPError, httpx.InvalidURL) as failure:
        raise DownloadError(f"{type(failure).__name__} on {target.name}") from None
    return said


def check_digest(path: Path, digest: str) -> None:
    """Compare a file with the digest that its answer gave, sha256 or git's; no digest, no check.

    Raises:
        DownloadError: The bytes are others; the file is deleted, so that nobody continues it.
    """
    if _SHA256.fullmatch(digest):
        came = sha256_of(path)
    elif _GIT_DIGEST.fullmatch(digest):
        content = path.read_bytes()
        came = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    else:
        return
    if came != digest:
        path.unlink()
        raise DownloadError(f"sent other bytes for {path.name} than it announced")


def _said(response: httpx.Response) -> Downloaded:
    """The hub says a large file's digest and commit on its own answer, before it redirects to the storage."""
    chain = [*response.history, response]
    commit = next((one.headers["X-Repo-Commit"] for one in chain if "X-Repo-Commit" in one.headers), "")
    linked = next((one.headers["X-Linked-Etag"] for one in chain if "X-Linked-Etag" in one.headers), "")
    digest = (linked or response.headers.get("ETag", "")).removeprefix("W/").strip('"')
    return Downloaded(commit, digest)


def _write(
    response: httpx.Response, target: Path, done_bytes: int, report: Progress, size_bytes: int | None
) -> None:
    announced = response.headers.get("Content-Length", "")
    total = size_bytes or (done_bytes + int(announced) if announced.isdigit() else 0)
    free_bytes = shutil.disk_usage(target.parent).free
    if total - done_bytes > free_bytes:
        raise ModelStorageError(
            str(target.parent), f"{(total - done_bytes) / 1e6:.0f} MB free", f"{free_bytes / 1e6:.0f} MB"
        )
    with target.open("ab" if done_bytes else "wb") as stream:
        for block in response.iter_bytes():
            stream.write(block)
            done_bytes += len(block)
            report(f"downloading {target.name}", done_bytes, total)
    if size_bytes is not None and done_bytes != size_bytes:
        raise DownloadError(f"sent {done_bytes} bytes of {target.name}, expected {size_bytes}")
