"""Labelled utterances of customers, by the source that wrote them.

Authors' sets are told apart because a model is judged on the words of an author it has never read. The
lexicon's own examples and counter-examples and the turns of scripted calls are read as well, for training
only. Nothing under `sealed/` is ever opened.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from koemori.assist.playbooks.lexicon import Lexicon
from koemori.assist.types import AGENT_SIDE, Category, Severity

CORPUS: Final = Path(__file__).parents[1] / "corpus"
AUTHORS: Final = ("a", "b", "c", "d", "e", "h", "i", "j", "k", "l")
"""Sets written after the rules, by authors who did not know them."""
ADVERSARIAL: Final = "f"
"""Rows on which an earlier model erred, and their neighbours: trained on, and no measure of anything."""
WHOLE_CALLS: Final = ("h", "i", "j")
"""Authors who wrote callers' turns in order, most of them harmless, as calls are; the others wrote what is
hard to tell apart, half of it harmful."""
MILDER_SEVERITY: Final = ("k",)
"""Authors who called a warning what the others call a danger: nothing about danger is learnt from them."""
LEXICON: Final = "lexicon"
CALLS: Final = "calls"
CUSTOMER_CODES: Final = frozenset(category.value for category in Category if category not in AGENT_SIDE)
_FILES: Final = {
    "dev": ("utterances.dev.jsonl",),
    "review": ("review/utterances.review.jsonl", "review/utterances.second.jsonl"),
    **{
        author: (f"authored/utterances.{author}.jsonl", f"authored/heard.{author}.jsonl")
        for author in (*AUTHORS, ADVERSARIAL)
    },
}
_NEEDS_CONTEXT: Final = frozenset({"context_required"})


@dataclass(frozen=True, slots=True)
class Row:
    """One utterance and what it deserves."""

    row_id: str
    text: str
    source: str
    group: str
    labels: frozenset[str]
    """Category codes; empty when nothing is wrong."""
    severity: int
    """0 to 3; 1 is a grey zone, trained on and scored apart."""
    alert: bool
    tags: frozenset[str]
    recognised: bool = False
    """The text is what the recogniser made of another row, spoken (`benchmarks/heard_utterances.py`)."""


def read_corpus(lexicon: Lexicon, directory: Path = CORPUS) -> list[Row]:
    """Every row to train on, in a fixed order, less those whose label comes from what was said before."""
    rows = [
        row
        for source, names in _FILES.items()
        for name in names
        if (directory / name).is_file()
        for row in read_rows(directory / name, source)
        if not row.tags & _NEEDS_CONTEXT
    ]
    return [*rows, *_examples(lexicon), *_turns(directory)]


def read_rows(path: Path, source: str) -> Iterator[Row]:
    """The customers' rows of one file of labelled utterances."""
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line) if line.strip() else {"speaker": ""}
        if entry["speaker"] == "customer":
            yield _row(entry, source)


def _row(entry: dict[str, Any], source: str) -> Row:
    labels = frozenset(entry["labels"]) & CUSTOMER_CODES if entry["severity"] > 0 else frozenset[str]()
    return Row(
        entry["id"],
        entry["text"],
        source,
        f"{source}:{entry['group']}",
        labels,
        entry["severity"],
        entry["alert"],
        frozenset(entry["tags"]),
        entry.get("provenance") == "recognised",
    )


def _examples(lexicon: Lexicon) -> Iterator[Row]:
    for rule in lexicon.rules:
        if rule.of_agent:
            continue
        for texts, severity in ((rule.examples, int(rule.severity)), (rule.counter_examples, 0)):
            for number, text in enumerate(texts):
                name = f"{rule.id}/{severity}/{number}"
                labels = frozenset({rule.category.value} if severity else ())
                alert = severity >= Severity.WARNING
                yield Row(name, text, LEXICON, f"lexicon:{name}", labels, severity, alert, frozenset())


def _turns(directory: Path) -> Iterator[Row]:
    """Turns of scripted calls, less those whose label comes from what was said before."""
    files = [*directory.glob("calls/c*.json"), *directory.glob("authored/calls/k*.json")]
    for path in sorted(files, key=lambda file: file.name):
        call = json.loads(path.read_text(encoding="utf-8"))
        for turn in call["turns"]:
            labels = set(turn["labels"])
            if turn["speaker"] != "customer" or _NEEDS_CONTEXT & set(turn["tags"]):
                continue
            if turn["severity"] and (Category.REPEAT_DEMAND.value in labels or turn["cluster"]):
                continue
            entry = {
                "id": f"{call['id']}/{turn['i']}",
                "text": turn["text_asr"],
                "group": call["id"],
                "labels": turn["labels"],
                "severity": turn["severity"],
                "alert": turn["severity"] >= Severity.WARNING,
                "tags": turn["tags"],
            }
            yield _row(entry, CALLS)
