"""Which packages a Python has, without importing them here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

_NEEDED: Final = {"torch": "torch", "pyannote.audio": "pyannote-audio"}
_ASK: Final = (
    "import importlib.metadata as m, json, sys\n"
    "def there(name):\n"
    "    try:\n"
    "        m.version(name)\n"
    "    except m.PackageNotFoundError:\n"
    "        return False\n"
    "    return True\n"
    "print(json.dumps([name for name in sys.argv[1:] if not there(name)]))\n"
)
_TIMEOUT_S: Final = 30.0


def missing_packages(python: Path | None) -> tuple[str, ...]:
    """Those of the packages that diarization needs which an interpreter lacks; ours when None.

    An interpreter that cannot be run lacks all of them.
    """
    names = tuple(_NEEDED.values())
    command = [str(python or sys.executable), "-c", _ASK, *names]
    try:
        done = subprocess.run(  # noqa: S603 - the operator's interpreter, our own question
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        )
        return tuple(str(name) for name in json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError):
        return names
