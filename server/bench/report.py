"""Result files → one HTML page that engineers can read, print and send; it loads nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from koemori.server.bench import limits, sections
from koemori.server.bench.capacity_section import capacity
from koemori.server.bench.limits import Result
from koemori.server.bench.markup import document, paragraph
from koemori.server.commands.exits import UnusableInputError

KINDS = ("latency", "capacity", "accuracy", "peers")
TITLE = "Koemori: speech recognition, measured"


def read_result(path: Path) -> Result:
    """Read a result file.

    Raises:
        UnusableInputError: Not a result of a kind that the report knows.
    """
    expected = f"a result of bench {', '.join(KINDS)}"
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UnusableInputError(path.name, expected, "no such file") from None
    except (OSError, ValueError):
        raise UnusableInputError(path.name, expected, "something that is not JSON") from None
    kind = _kind(result) if isinstance(result, dict) else None
    if kind not in KINDS:
        raise UnusableInputError(path.name, expected, "another file" if kind is None else f"bench {kind}")
    return {**result, "bench": kind}


def _kind(result: dict[str, Any]) -> Any:
    """What a result is of; that of `benchmarks/peers` does not name itself."""
    return result.get("bench", "peers" if {"systems", "summary", "runs"} <= result.keys() else None)


def page(results: Sequence[Result]) -> str:
    """The whole report.

    Raises:
        UnusableInputError: matplotlib is missing, or a result lacks figures of its kind.
    """
    try:
        found = limits.limits(results)
        body = [*_head(results, found), sections.asked(found), *_sections(results)]
        return document(TITLE, [*body, sections.circumstances(results)])
    except (KeyError, TypeError) as error:
        raise UnusableInputError(
            "results", "files as this version's commands write them", f"one without {error}"
        ) from error


def _head(results: Sequence[Result], found: Sequence[limits.Limit]) -> list[str]:
    met, missed = (sum(row.met is state for row in found) for state in (True, False))
    newest = max((str(result.get("measured_at", "")) for result in results), default="")
    still = len(found) - met - missed
    lead = f"{met} of {len(found)} limits met, {missed} missed, {still} open. Newest result: {newest}."
    return [f"<h1>{TITLE}</h1>", paragraph(lead, "lead")]


def _sections(results: Sequence[Result]) -> list[str]:
    by_kind = {kind: [result for result in results if result["bench"] == kind] for kind in KINDS}
    several = by_kind["capacity"]
    return [
        *(sections.one_call(result) for result in by_kind["latency"] if "minutes" not in result),
        *([capacity(several)] if several else []),
        *(sections.long_call(result) for result in by_kind["latency"] if "minutes" in result),
        *(sections.accuracy(result) for result in by_kind["accuracy"]),
        *(sections.peers(result) for result in by_kind["peers"]),
    ]
