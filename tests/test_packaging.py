"""What ships is what is in the tree: every module and data file, under koemori only."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("audio", "models", "assist", "server")
SHIPPED = {".py", ".toml", ".sql", ".typed", ".mako", ".npz"}
NOT_SOURCES = shutil.ignore_patterns("node_modules", "__pycache__", "src")


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names inside a wheel built from a clean copy; setuptools would reuse a stale build/."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for part in PARTS:
        shutil.copytree(ROOT / part, tree / part, ignore=NOT_SOURCES)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(out),
    ]
    subprocess.run([*command, str(tree)], check=True)
    names = zipfile.ZipFile(next(out.glob("*.whl"))).namelist()
    return {name for name in names if ".dist-info/" not in name}


def test_wheel_holds_exactly_the_sources(wheel_names: set[str]) -> None:
    expected = {
        f"koemori/{path.relative_to(ROOT).as_posix()}"
        for part in PARTS
        for path in (ROOT / part).rglob("*")
        if path.suffix in SHIPPED and not {"__pycache__", "web", "launcher"} & set(path.parts)
    }
    shipped = {
        name
        for name in wheel_names
        if not name.startswith(("koemori/server/web/", "koemori/server/demo/calls/"))
    }
    assert shipped == expected | {"koemori/__main__.py"}


def test_wheel_carries_the_built_page_and_the_demo_calls(wheel_names: set[str]) -> None:
    for folder in ("server/web/dist", "server/demo/calls"):
        there = {
            f"koemori/{path.relative_to(ROOT).as_posix()}"
            for path in (ROOT / folder).rglob("*")
            if path.is_file()
        }
        assert there, f"{folder} is empty: run make web"
        assert there <= wheel_names


def test_demo_calls_are_those_of_the_corpus(corpus: Path) -> None:
    calls = sorted((ROOT / "server" / "demo" / "calls").glob("*.flac"))
    assert len(calls) >= 3
    for call in calls:
        assert call.read_bytes() == (corpus / "audio" / call.name).read_bytes()


def test_nothing_ships_outside_the_koemori_package(wheel_names: set[str]) -> None:
    assert {name.split("/")[0] for name in wheel_names} == {"koemori"}
