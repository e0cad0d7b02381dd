"""`python -m koemori.models.host_probe`: what CTranslate2 can do here, one JSON object a step on stdout.

Started by `koemori.models.host.probe_host`. Each step is printed before the next begins, so that a library
which ends the process leaves behind how far it came.
"""

from __future__ import annotations

import ctypes
import json
import re
import sys
from pathlib import Path
from typing import Final

_LOADED_LATER: Final = re.compile(rb"lib(?:cublas|cudnn)\w*\.so\.\d+")
_PACKAGES: Final = {"cublas": "nvidia-cublas-cu", "cudnn": "nvidia-cudnn-cu"}
_CUDA_MAJOR: Final = "12"


def main() -> int:
    """Print the steps."""
    try:
        import ctranslate2
    except ImportError as failure:
        _say(failure=f"{type(failure).__name__}: {failure}")
        return 1
    _say(version=ctranslate2.__version__)
    _say(cpu_compute_types=sorted(ctranslate2.get_supported_compute_types("cpu")))
    devices = ctranslate2.get_cuda_device_count()
    _say(cuda_devices=devices)
    if not devices:
        return 0
    missing = missing_libraries(Path(ctranslate2.__file__).parent)
    if missing:
        _say(cuda_failure="; ".join(missing))
    try:
        each = [set(ctranslate2.get_supported_compute_types("cuda", index)) for index in range(devices)]
    except (RuntimeError, ValueError) as failure:
        _say(cuda_failure=str(failure))
        return 1
    _say(cuda_compute_types=sorted(set.intersection(*each)))
    return 0


def missing_libraries(ctranslate2_folder: Path) -> list[str]:
    """The GPU libraries that CTranslate2 loads at its first matrix and the loader does not find.

    The wheel carries its own library beside the package and leaves NVIDIA's to the system.
    """
    missing = []
    for library in sorted(_named_libraries(ctranslate2_folder)):
        try:
            ctypes.CDLL(library)
        except OSError:
            stem = library.removeprefix("lib").partition(".")[0]
            package = next((name for key, name in _PACKAGES.items() if stem.startswith(key)), "")
            missing.append(f"{library} (pip install {package}{_CUDA_MAJOR}, and LD_LIBRARY_PATH to its lib)")
    return missing


def _named_libraries(ctranslate2_folder: Path) -> set[str]:
    named: set[str] = set()
    for library in ctranslate2_folder.with_name("ctranslate2.libs").glob("libctranslate2*.so*"):
        named.update(found.decode() for found in _LOADED_LATER.findall(library.read_bytes()))
    return named


def _say(**step: object) -> None:
    sys.stdout.write(json.dumps(step) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
