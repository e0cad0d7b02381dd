"""What the documents say exists: commands, options, make targets, linked files."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")],
)
SHELL_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")


def commands() -> list[tuple[str, list[str]]]:
    """Every `koemori …` line in a shell block of any page, with its page."""
    found = []
    for page in PAGES:
        for block in SHELL_BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line.split("|")[-1], comments=True)
                if words and Path(words[0]).name == "koemori":
                    found.append((page.name, words[1:]))
    return found


def test_there_are_commands_to_check() -> None:
    assert len(commands()) >= 8


@pytest.mark.parametrize(
    ("page", "words"), commands(), ids=lambda value: " ".join(value) if isinstance(value, list) else value
)
def test_documented_command_and_its_options_exist(page: str, words: list[str]) -> None:
    names = [word for word in words if re.fullmatch(r"[a-z]+", word)]
    group = names[:2] if names[0] in {"db", "user", "weights", "bench", "playbook"} else names[:1]
    shown = subprocess.run(
        [sys.executable, "-m", "koemori", *group, "--help"], capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, f"{page}: koemori {' '.join(words)}: {shown.stderr}"
    for option in (word.split("=")[0] for word in words if word.startswith("--")):
        assert option in shown.stdout, f"{page}: koemori {' '.join(group)} has no {option}"


def test_documented_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for page in PAGES:
        for block in SHELL_BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in re.findall(r"^(?:\w+=\S+ )?make (.+?)(?:#.*)?$", block, re.MULTILINE):
                named = {word for word in shlex.split(line) if "=" not in word}
                assert named <= targets, f"{page.name}: make {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    dead = [target for target in LINK.findall(text) if not (page.parent / target).exists()]
    assert dead == []
