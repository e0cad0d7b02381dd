"""Promises about the code itself that no linter checks: sizes, homes of heavy libraries, light imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("audio", "models", "assist", "server")
SOURCES = sorted(
    path for part in PARTS for path in (ROOT / part).rglob("*.py") if "node_modules" not in path.parts
)
LONGEST_FILE_LINES = 400
LONGEST_FUNCTION_LINES = 60
VAGUE_NAMES = {"utils", "helpers", "manager", "base", "data", "misc", "common"}

HOMES = {
    "aiortc": {"koemori.audio.ingest.webrtc"},
    "av": {"koemori.audio.ingest.webrtc", "koemori.audio.codecs.decoder"},
    "defusedxml": {"koemori.audio.sip.metadata"},
    "pylibsrtp": {"koemori.audio.rtp.srtp"},
    "faster_whisper": {"koemori.models.whisper", "koemori.server.bench.offline"},
    "ctranslate2": {"koemori.models.whisper", "koemori.models.host_probe"},
    "pyannote": {"koemori.models.diarization"},
    "sudachipy": {"koemori.models.dictionary", "koemori.models.readings"},
    "onnxruntime": {"koemori.models.silero_vad"},
    "matplotlib": {"koemori.server.bench.charts"},
}
"""Each heavy library and the only modules that may import it; the benchmark's reference is one of its own."""


def module_name(path: Path) -> str:
    """`server/api/calls.py` → `koemori.server.api.calls`."""
    return "koemori." + ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imported(tree: ast.AST) -> set[str]:
    """Top-level names that a module imports anywhere in it, type-only imports included."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                names |= {alias.name.split(".")[0] for alias in node.names}
            case ast.ImportFrom(module=str(module), level=0):
                names.add(module.split(".")[0])
    return names


@pytest.mark.parametrize("suffix", ["*.py", "*.ts", "*.tsx", "*.css", "*.toml"])
def test_no_file_is_longer_than_400_lines(suffix: str) -> None:
    folders = [ROOT / part for part in (*PARTS, "tests", "benchmarks")]
    long = {
        str(path.relative_to(ROOT)): count
        for folder in folders
        for path in folder.rglob(suffix)
        if not {"node_modules", "dist"} & set(path.parts)
        and path.name != "schema.d.ts"
        and (count := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE_LINES
    }
    assert long == {}


def test_no_function_is_longer_than_60_lines() -> None:
    long = {
        f"{path.relative_to(ROOT)}:{node.name}": length
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION_LINES
    }
    assert long == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [str(path) for path in SOURCES if path.stem in VAGUE_NAMES] == []


@pytest.mark.parametrize("library", sorted(HOMES))
def test_heavy_library_has_one_home(library: str) -> None:
    users = {
        module_name(path)
        for path in SOURCES
        if library in imported(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert users <= HOMES[library]


def test_manifest_imports_only_the_standard_library() -> None:
    tree = ast.parse((ROOT / "server" / "archive" / "manifest.py").read_text(encoding="utf-8"))
    assert imported(tree) <= set(sys.stdlib_module_names)


@pytest.mark.parametrize(
    "package", ["koemori.models", "koemori.assist", "koemori.audio", "koemori.server.cli"]
)
def test_import_loads_no_model_library(package: str) -> None:
    code = (
        f"import sys, {package}; heavy = 'torch ctranslate2 faster_whisper onnxruntime sudachipy'.split(); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_module_says_what_it_is_for() -> None:
    mute = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if "migrations" not in path.parts
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert mute == []
