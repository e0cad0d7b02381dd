"""A tenant's own playbook for tests: the shipped files with a small lexicon, which compiles at once."""

from __future__ import annotations

import shutil
from pathlib import Path

from koemori.assist.playbooks.load import BUILT_IN

OURS = """
[[rule]]
id = "sns.ours"
version = 3
author = "品質管理部"
category = "sns"
severity = "warning"
why = "動画サイトに上げると言っている"
source = "社内基準 第4条"
patterns = ["ヨウツベ ~ 流す"]
examples = ["ヨウツベに流すからな"]
counter_examples = ["ヨウツベで見ました"]
"""
OURS_FILE = "ja/lexicon/ours.toml"


def own_playbook(home: Path, rules: str = OURS) -> Path:
    """A folder with a playbook whose only detection rules are these."""
    root = Path(shutil.copytree(BUILT_IN, home / "playbook", ignore=shutil.ignore_patterns("lexicon")))
    (root / "ja" / "lexicon").mkdir()
    write(root, OURS_FILE, rules)
    return root


def write(root: Path, place: str, text: str) -> None:
    """Write one file of a playbook."""
    (root / place).write_text(text, encoding="utf-8")
