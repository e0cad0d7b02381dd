"""No log line is built from words: messages are constant, and no fact is named like something people say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(
    path
    for part in ("audio", "models", "assist", "server")
    for path in (ROOT / part).rglob("*.py")
    if "node_modules" not in path.parts
)
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
SPOKEN = {
    *("text", "texts", "words", "word", "quote", "say", "said", "demand", "value", "values", "fields"),
    *("name", "names", "customer", "customer_name", "customer_number", "number", "phone"),
    *("utterance", "utterances", "event", "body", "payload", "purpose", "query"),
}
"""Keys of events and cases that hold what a person said, dialled, typed or is."""


def log_calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LEVELS
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id in ("logger", "_log", "_logger", "log")
        ):
            yield node


def spoken_parts(call: ast.Call) -> list[str]:
    """What of a log call could carry words."""
    found = [] if not call.args or isinstance(call.args[0], ast.Constant) else ["message"]
    for argument in call.args[1:]:
        leaf = argument.attr if isinstance(argument, ast.Attribute) else getattr(argument, "id", "")
        found += [leaf] if leaf in SPOKEN else []
    for keyword in call.keywords:
        if keyword.arg == "extra" and isinstance(keyword.value, ast.Dict):
            keys = [key.value for key in keyword.value.keys if isinstance(key, ast.Constant)]
            found += [str(key) for key in keys if key in SPOKEN]
    return found


def test_no_log_line_is_built_from_words() -> None:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
    calls = [(path, call) for path, tree in trees.items() for call in log_calls(tree)]
    assert len(calls) > 20
    found = {
        f"{path.relative_to(ROOT)}:{call.lineno}": parts
        for path, call in calls
        if (parts := spoken_parts(call))
    }
    assert found == {}


@pytest.mark.parametrize(
    "line",
    ["logger.info(text)", "logger.info('said %s', event.text)", "logger.warning('x', extra={'quote': 1})"],
)
def test_a_line_that_is_built_from_words_is_seen(line: str) -> None:
    (call,) = log_calls(ast.parse(line))
    assert spoken_parts(call)
