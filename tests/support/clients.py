"""Real programs that call the recorder: found, started, and ended by their own number."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest


def program(name: str) -> str:
    """Where a client's program is; skips, or fails where every test is required."""
    path = shutil.which(name)
    if path is None:
        said = f"{name} is not installed: it is a package of Debian"
        if os.environ.get("KOEMORI_REQUIRE_ALL") == "1":
            pytest.fail(said)
        pytest.skip(said)
    return path


@contextmanager
def started(command: Sequence[str | Path], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A client that runs meanwhile; what it says goes to files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            [str(part) for part in command], cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(5)
