"""The measuring code counts what it says it counts."""

from pathlib import Path
from typing import Any

import pytest
from koemori.assist.playbooks.load import load_playbook
from koemori.server.bench.detectors import measure, score_utterances
from koemori.server.bench.environment import environment
from koemori.server.calls.latency import percentiles
from koemori.server.commands.exits import UnusableInputError
from koemori.server.config import AssistSettings

pytestmark = pytest.mark.unit


def test_percentiles_are_by_nearest_rank() -> None:
    ranked = percentiles(range(1, 101))
    assert (ranked.p50, ranked.p95, ranked.p99, ranked.count) == (50, 95, 99, 100)
    assert percentiles([7]).p99 == 7
    assert percentiles([]).p50 is None


def _row(text: str, labels: list[str], **row: Any) -> dict[str, Any]:
    severity = row.pop("severity", 2 if labels else 0)
    facts = {"id": text, "text": text, "speaker": "customer", "labels": labels, "severity": severity}
    return {**facts, "alert": severity >= 2, "tags": [], **row}


def test_detector_figures_equal_a_count_by_hand() -> None:
    rows = [
        _row("土下座しろ", ["dogeza"]),
        _row("殺すぞ", ["threat"], tags=["asr_like"]),
        _row("お元気ですか", ["threat"]),
        _row("殺虫剤をください", [], tags=["hard_negative"]),
        _row("土下座しろ", [], tags=["rough_fair"]),
        _row("早くしろよ", ["verbal_abuse"], severity=1),
        _row("こちらの責任です", ["premature_liability"], speaker="agent", alert=False),
    ]
    result = score_utterances(rows, load_playbook()).figures()
    assert result["overall"] == {"precision": 0.667, "recall": 0.667, "f1": 0.667, "tp": 2, "fp": 1, "fn": 1}
    assert result["shares"]["false_alarms.hard_negative"] == {"alerts": 0, "rows": 1, "rate": 0.0}
    assert result["shares"]["false_alarms.rough_fair"]["rate"] == 1.0
    assert result["shares"]["recall.asr_like"]["rate"] == 1.0
    assert result["shares"]["grey"]["rows"] == 1
    assert result["categories"]["dogeza"] == {
        "precision": 0.5,
        "recall": 1.0,
        "f1": 0.667,
        "tp": 1,
        "fp": 1,
        "fn": 0,
    }
    assert [error["kind"] for error in result["worst"]] == ["false alarm", "missed"]


def test_a_folder_that_is_no_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match="got neither"):
        measure(tmp_path, AssistSettings())
    (tmp_path / "utterances.jsonl").write_text('{"text": \n', encoding="utf-8")
    with pytest.raises(UnusableInputError, match=r"utterances\.jsonl:1: expected a JSON object"):
        measure(tmp_path, AssistSettings())


def test_a_result_says_where_it_was_measured() -> None:
    facts = environment()
    assert {"measured_at", "command", "machine", "versions"} <= set(facts)
