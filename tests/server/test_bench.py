"""The measuring code counts what it says it counts."""

import json
from pathlib import Path
from typing import Any

import pytest
from koemori.assist.playbooks.load import load_playbook
from koemori.assist.types import Category
from koemori.audio.call import ChannelRole
from koemori.server.bench.detectors import measure, score_utterances
from koemori.server.bench.environment import environment
from koemori.server.bench.latency import Turn, emitted, read_turns, spoken
from koemori.server.calls.latency import percentiles
from koemori.server.commands.exits import UnusableInputError
from koemori.server.config import AssistSettings
from koemori.server.wire import AlertEvent, PartialEvent, UtteranceEvent, WireEvent

pytestmark = pytest.mark.unit


def _utterance(seq: int, start_ms: int, end_ms: int, emitted_ms: int, name: str = "u") -> UtteranceEvent:
    return UtteranceEvent(
        call_id="c",
        seq=seq,
        at_ms=end_ms,
        emitted_ms=emitted_ms,
        speaker=ChannelRole.CUSTOMER,
        utterance_id=name,
        start_ms=start_ms,
        end_ms=end_ms,
        text="あ",
        model_id="m",
    )


EVENTS: list[WireEvent] = [
    PartialEvent(
        call_id="c",
        seq=1,
        at_ms=1500,
        emitted_ms=1900,
        speaker=ChannelRole.CUSTOMER,
        utterance_id="u",
        revision=1,
        stable="",
        unstable="あ",
    ),
    _utterance(2, 1000, 2000, 2600, "first"),
    _utterance(3, 2300, 3000, 3700, "second"),
    AlertEvent(
        call_id="c",
        seq=4,
        at_ms=3000,
        emitted_ms=3750,
        alert_id="a",
        category=Category.THREAT,
        severity=2,
        harassment=True,
        rule_id="r",
        utterance_ids=("second",),
        quote="あ",
        explanation="x",
    ),
]


def test_percentiles_are_by_nearest_rank() -> None:
    ranked = percentiles(range(1, 101))
    assert (ranked.p50, ranked.p95, ranked.p99, ranked.count) == (50, 95, 99, 100)
    assert percentiles([7]).p99 == 7
    assert percentiles([]).p50 is None


def test_emitted_latency_is_per_kind() -> None:
    assert emitted(EVENTS) == {"partial": [400], "utterance": [600, 700], "alert": [750]}


def test_spoken_latency_counts_from_the_scripts_words_to_the_last_utterance_of_the_turn() -> None:
    turns = [Turn("customer", 900, 3100), Turn("agent", 4000, 5000)]
    assert spoken(EVENTS, turns) == {
        "utterance_after_words": [600],
        "alert_after_words": [650],
        "first_partial_after_start": [1000],
    }
    assert spoken(EVENTS, []) == {}


def test_a_script_beside_the_audio_is_read(tmp_path: Path) -> None:
    turns = {"turns": [{"speaker": "agent", "start": 0.4, "end": 8.59}]}
    (tmp_path / "c.json").write_text(json.dumps(turns), encoding="utf-8")
    assert read_turns(tmp_path / "c.flac") == [Turn("agent", 400, 8590)]
    assert read_turns(tmp_path / "d.flac") == []


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
