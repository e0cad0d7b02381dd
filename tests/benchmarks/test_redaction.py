"""The redaction benchmark: its labels fit its texts, and what is found stays as good as was published."""

from __future__ import annotations

import hashlib
import json

import pytest
from koemori.assist.redaction import REDACTOR_VERSION, PersonalData, measured

from benchmarks.redaction import CORPUS, RESULT, SPLITS, figures, read_calls, score

pytestmark = pytest.mark.unit

LEAST_RECALL = {PersonalData.PHONE: 0.97, PersonalData.CARD: 0.97, PersonalData.NAME: 0.9}


def test_labels_are_what_the_text_says_there() -> None:
    rows = [row for rows in read_calls().values() for row in rows]
    assert len(rows) >= 200
    assert {row["split"] for row in rows} == set(SPLITS)
    for row in rows:
        for label in row["spans"]:
            assert row["text"][label["start"] : label["end"]] == label["said"], row["id"]
            PersonalData(label["kind"])


@pytest.mark.parametrize("split", SPLITS)
def test_recall_and_precision_hold(split: str) -> None:
    found = figures(score(rows for rows in read_calls().values() if rows[0]["split"] == split))
    for kind, least in LEAST_RECALL.items():
        assert found["kinds"][kind.value]["recall"] >= least, kind
    assert found["all"]["precision"] >= 0.95
    assert found["of_these_touched"] <= 0.02 * found["utterances_without_personal_data"]


def test_the_published_figures_are_of_this_redactor_and_this_corpus() -> None:
    result = json.loads(RESULT.read_text(encoding="utf-8"))
    assert result["redactor_version"] == REDACTOR_VERSION
    assert result["corpus_sha256"] == hashlib.sha256(CORPUS.read_bytes()).hexdigest()


def test_the_figures_that_renditions_carry_are_the_published_ones() -> None:
    result = json.loads(RESULT.read_text(encoding="utf-8"))
    held = result["splits"]["held"]["kinds"]
    found = measured()
    assert found.redactor_version == REDACTOR_VERSION
    assert found.corpus_sha256 == result["corpus_sha256"]
    assert found.recall == {kind: row["recall"] for kind, row in held.items()}
    assert found.labelled == {kind: row["labelled"] for kind, row in held.items()}
