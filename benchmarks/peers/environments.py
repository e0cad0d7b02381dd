"""The peers' own Python environments: made on demand, pinned, with only what each server needs.

`pip install whisper-live` would bring CUDA libraries, OpenVINO, PyAudio and a second Whisper; the server
with its faster-whisper backend imports none of them. So both packages are installed without their
dependencies, beside the list here, with one release of CTranslate2 for everyone. PyTorch should be the CPU
build: where the package index would give the CUDA one, name PyTorch's CPU index in PIP_EXTRA_INDEX_URL.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.processes import PeerError, plain_environment

HOME = Path(__file__).parents[2] / "var" / "peers"
_WEB = ("fastapi==0.165.0", "starlette==1.10.0", "uvicorn==0.54.0", "python-multipart==0.0.34")
_SHARED = (
    "torch==2.13.0",
    "ctranslate2==4.8.5",
    "onnxruntime==1.31.1",
    "numpy==2.4.6",
    "av==18.1.0",
    "tokenizers==0.23.3",
    "websockets==17.4",
    *_WEB,
)


@dataclass(frozen=True, slots=True)
class Environment:
    """One virtual environment.

    Attributes:
        package: Installed without dependencies.
        needs: Installed with theirs, before it.
    """

    name: str
    package: str
    needs: tuple[str, ...]

    @property
    def directory(self) -> Path:
        return HOME / self.name

    @property
    def python(self) -> Path:
        return self.directory / "bin" / "python"

    def script(self, name: str) -> Path:
        """A command that the package brings."""
        return self.directory / "bin" / name

    @property
    def complete(self) -> bool:
        """Whether `install` has gone through for exactly these releases."""
        mark = self.directory / "installed.json"
        return mark.exists() and json.loads(mark.read_text(encoding="utf-8")) == self._wanted

    @property
    def _wanted(self) -> list[str]:
        return [*self.needs, self.package]

    def install(self) -> None:
        """Make the environment unless it is complete.

        Raises:
            PeerError: pip failed; its words are on stderr.
        """
        if self.complete:
            return
        HOME.mkdir(parents=True, exist_ok=True)
        _run([sys.executable, "-m", "venv", "--clear", str(self.directory)])
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, *self.needs])
        _run([*pip, "--no-deps", self.package])
        (self.directory / "installed.json").write_text(json.dumps(self._wanted), encoding="utf-8")

    def versions(self) -> dict[str, str]:
        """Installed releases of what does the work."""
        names = [requirement.split("==")[0] for requirement in (self.package, *_SHARED[:4], "faster-whisper")]
        code = (
            "import json, sys; from importlib.metadata import version; "
            "print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
        )
        command = [str(self.python), "-c", code, *names]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=plain_environment())
        return dict(json.loads(done.stdout))


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise PeerError(f"expected {command[1:4]} to work; it ended with {done.returncode}")


WHISPERLIVE = Environment(
    "whisperlive",
    "whisper-live==0.10.0",
    (*_SHARED, "faster-whisper==1.2.0", "requests==2.34.2"),
)
WHISPERLIVEKIT = Environment(
    "whisperlivekit",
    "whisperlivekit==0.2.26",
    (*_SHARED, "faster-whisper==1.2.1", "librosa==0.11.0", "soundfile==0.14.0", "tiktoken==0.14.0"),
)
ALL = (WHISPERLIVE, WHISPERLIVEKIT)
