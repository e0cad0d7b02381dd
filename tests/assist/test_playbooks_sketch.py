"""The schema for editors accepts what ships and what the loader accepts, and refuses what it refuses."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from koemori.assist.playbooks.load import BUILT_IN
from koemori.assist.playbooks.sketch import FileKind, file_kinds

pytestmark = pytest.mark.unit

KINDS = {kind.name: kind for kind in file_kinds()}
SHIPPED = [(kind, file) for kind in KINDS.values() for file in sorted(BUILT_IN.glob(kind.glob))]


def plain(value: Any) -> Any:
    """TOML as an editor's checker sees it: dates are text."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value


def mistakes(kind: str, text: str) -> list[str]:
    validator = Draft7Validator(KINDS[kind].schema)
    return [error.json_path for error in validator.iter_errors(plain(tomllib.loads(text)))]


def test_every_shipped_file_has_a_schema() -> None:
    assert {file for _, file in SHIPPED} == set(BUILT_IN.rglob("*.toml"))


@pytest.mark.parametrize(("kind", "file"), SHIPPED, ids=lambda value: getattr(value, "name", None))
def test_every_shipped_file_fits_its_schema(kind: FileKind, file: Path) -> None:
    Draft7Validator.check_schema(dict(kind.schema))
    assert mistakes(kind.name, file.read_text(encoding="utf-8")) == []


RULE = """
[[rule]]
id = "sns.ours"
version = 2
author = "品質管理部"
enabled = false
category = "sns"
severity = "warning"
why = "w"
source = "s"
patterns = ["ヨウツベ"]
examples = "ヨウツベ"
"""


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("", "", []),
        ("version = 2", "version = 0", ["$.rule[0].version"]),
        ("enabled = false", 'enabled = "no"', ["$.rule[0].enabled"]),
        ('"sns"\n', '"snss"\n', ["$.rule[0].category"]),
        ('why = "w"', "", ["$.rule[0]"]),
        ('why = "w"', 'why = "w"\nwhyy = "w"', ["$.rule[0]"]),
        ('id = "sns.ours"', 'id = "sns/ours"', ["$.rule[0].id"]),
        ('["ヨウツベ"]', "[]", ["$.rule[0].patterns"]),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(old: str, new: str, where: list[str]) -> None:
    assert mistakes("lexicon", RULE.replace(old, new, 1)) == where


def test_each_way_of_coming_up_has_its_own_keys() -> None:
    card = '[[rule]]\nid = "a"\nstage = "step1"\nsay = "s"\nwhy = "w"\nsource = "s"\nwhen = '
    assert mistakes("guidance", card + '{ detector = "repetition", count_min = 3 }') == []
    assert mistakes("guidance", card + '{ detector = "repetition", item = "greeting" }') == ["$.rule[0].when"]
    assert mistakes("guidance", card + '{ detector = "missing", field = "shoe_size" }') == ["$.rule[0].when"]
