"""The model hub, by the addresses of its files: `<id>/resolve/<revision>/<file>`.

Nothing but the files is asked for, and nothing is told: no account, no telemetry. A gated or private model
needs a token in `HF_TOKEN`; another hub or a mirror inside the company is named by `HF_ENDPOINT`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from koemori.models.downloads import DownloadError, check_digest, download
from koemori.models.errors import ModelUnavailableError
from koemori.models.model_cache import Progress

PUBLIC_HUB: Final = "https://huggingface.co"
NEWEST: Final = "main"
_HUB_ID: Final = re.compile(r"[\w][\w.-]*/[\w][\w.-]*(@[\w][\w./-]*)?")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_REFUSED: Final = (401, 403)
_NOT_FOUND: Final = 404
_NEEDED: Final = ("config.json", "tokenizer.json")
_OPTIONAL: Final = ("preprocessor_config.json",)
_VOCABULARIES: Final = ("vocabulary.json", "vocabulary.txt")


def is_hub_id(name: str) -> bool:
    """Whether a model's name has the form `owner/name` or `owner/name@revision`."""
    return _HUB_ID.fullmatch(name) is not None


def split_hub_id(name: str) -> tuple[str, str]:
    """`owner/name@revision` in its two parts; without a revision the newest is meant."""
    hub_id, _, revision = name.partition("@")
    return hub_id, revision or NEWEST


class Hub:
    """A hub at an address.

    Args:
        address: Of the hub or of a mirror that answers like it.
        token: Shown to that address only.
    """

    def __init__(self, address: str, token: str | None = None) -> None:
        self._address = address.rstrip("/")
        self._token = token

    @classmethod
    def from_environment(cls, address: str | None = None) -> Hub:
        """The hub of `HF_ENDPOINT`, else the public one, with the token of `HF_TOKEN`."""
        return cls(address or os.environ.get("HF_ENDPOINT") or PUBLIC_HUB, os.environ.get("HF_TOKEN"))

    def fetch(
        self,
        hub_id: str,
        revision: str,
        files: Sequence[tuple[str, int | None]],
        target: Path,
        report: Progress,
    ) -> str:
        """Download files, each with its size where known, into `target`; returns the commit, when it is said.

        Raises:
            ModelUnavailableError: The hub does not answer, does not have one of them or does not give it.
        """
        target.mkdir(parents=True, exist_ok=True)
        for name, size_bytes in files:
            try:
                commit = self._file(hub_id, revision, name, target, report, size_bytes)
            except DownloadError as failure:
                raise self._unavailable(hub_id, failure) from failure
            # From the first file on, one commit: the newest may become another one meanwhile.
            revision = commit if _COMMIT.fullmatch(commit) else revision
        return revision if _COMMIT.fullmatch(revision) else ""

    def fetch_model(self, hub_id: str, revision: str, target: Path, report: Progress) -> str:
        """Download whatever a CTranslate2 Whisper model consists of; returns the commit, when it is said.

        Raises:
            ModelUnavailableError: As `fetch`.
        """
        commit = self.fetch(hub_id, revision, [(name, None) for name in _NEEDED], target, report)
        revision = commit or revision
        for name in _OPTIONAL:
            self._if_there(hub_id, revision, name, target, report)
        if not any([self._if_there(hub_id, revision, name, target, report) for name in _VOCABULARIES]):
            raise ModelUnavailableError(hub_id, (f"hub {self._address}: {hub_id} has no vocabulary file",))
        return self.fetch(hub_id, revision, [("model.bin", None)], target, report) or commit

    def _if_there(self, hub_id: str, revision: str, name: str, target: Path, report: Progress) -> bool:
        try:
            self._file(hub_id, revision, name, target, report, None)
        except DownloadError as failure:
            if failure.status != _NOT_FOUND:
                raise self._unavailable(hub_id, failure) from failure
            return False
        return True

    def _file(
        self, hub_id: str, revision: str, name: str, target: Path, report: Progress, size_bytes: int | None
    ) -> str:
        path = target / name
        if size_bytes is not None and path.exists() and path.stat().st_size == size_bytes:
            return ""
        url = f"{self._address}/{quote(hub_id)}/resolve/{quote(revision, safe='')}/{quote(name)}"
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        said = download(url, path, report, size_bytes, headers)
        check_digest(path, said.digest)
        return said.commit

    def _unavailable(self, hub_id: str, failure: DownloadError) -> ModelUnavailableError:
        reason = f"hub {self._address}: {hub_id} {failure}"
        if failure.status in _REFUSED:
            reason += " (no such model, or one that needs a token in HF_TOKEN)"
        elif failure.status == _NOT_FOUND:
            reason += " (no such model, revision or file)"
        return ModelUnavailableError(hub_id, (reason,))
