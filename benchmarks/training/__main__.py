"""Command line of the second opinion's training.

    python -m benchmarks.training train
    python -m benchmarks.training train-demands
    python -m benchmarks.training evaluate benchmarks/corpus/utterances.dev.jsonl

`train` writes the model beside its code (`assist/second_opinion`) and the figures of leaving one author out
into `benchmarks/results/second-opinion.json`. `evaluate` runs the whole engine over labelled utterances, with
rules alone and with the shipped opinion. `train-demands` writes the demand topics (`assist/demand_topics`).
README.md beside this says what is measured and how.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from koemori.assist.demand_topics.load import BUILT_IN as DEMAND_TOPICS
from koemori.assist.engine import AssistEngine
from koemori.assist.playbooks.load import load_playbook
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.second_opinion import SecondOpinion, load_opinion
from koemori.assist.second_opinion.load import BUILT_IN
from koemori.assist.types import Alert, CallFacts, Heard, Severity
from koemori.audio.call import ChannelRole

from benchmarks.training.card import write_model
from benchmarks.training.corpus import CORPUS, Row, read_corpus, read_rows
from benchmarks.training.demands import train_demands
from benchmarks.training.figures import Decision, figures
from benchmarks.training.fitting import fit_heads, quantised, read_sample
from benchmarks.training.leaving_out import hold_out, join, left_out_figures

RESULTS = Path(__file__).parents[1] / "results" / "second-opinion.json"


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    if chosen.command == "train":
        report = train(chosen.corpus, chosen.model, chosen.out)
    elif chosen.command == "train-demands":
        report = train_demands(chosen.corpus, chosen.model, datetime.now(UTC).date())
    else:
        report = evaluate(chosen.files, load_opinion(chosen.model))
    print(json.dumps(report, ensure_ascii=False, indent=1))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training")
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train", help="fit the model on the whole corpus and write it")
    training.add_argument("--corpus", type=Path, default=CORPUS)
    training.add_argument("--out", type=Path, default=RESULTS)
    topics = commands.add_parser("train-demands", help="fit the topics of demands and write them")
    topics.add_argument("--corpus", type=Path, default=CORPUS)
    topics.add_argument("--model", type=Path, default=DEMAND_TOPICS, help="folder of card and weights")
    scoring = commands.add_parser("evaluate", help="score labelled utterances with and without the model")
    scoring.add_argument("files", type=Path, nargs="+")
    for command in (training, scoring):
        command.add_argument("--model", type=Path, default=BUILT_IN, help="folder of card and weights")
    return parser


def train(corpus: Path, model: Path, out: Path) -> dict[str, Any]:
    """Fit, write model and figures; return the figures."""
    playbook = load_playbook()
    rows = read_corpus(playbook.lexicon, corpus)
    sample = read_sample(rows, playbook.lexicon)
    held = hold_out(sample)
    report = left_out_figures(held)
    joined = join(held)
    heads = fit_heads(sample, sample.all_rows)
    made_at = datetime.now(UTC)
    write_model(
        model,
        quantised(heads, joined.alert, joined.danger, joined.company),
        joined.thresholds,
        rows,
        {name: found["with_opinion"] for name, found in report.items()},
        playbook.version,
        made_at.date(),
    )
    result = {
        "note": "each author's rows are judged by heads, joining and thresholds made without this author",
        "command": "python -m benchmarks.training train",
        "measured_at": made_at.isoformat(timespec="seconds"),
        "playbook_version": playbook.version,
        "left_out": report,
    }
    _keep(out, result)
    return result


def _keep(out: Path, result: dict[str, Any]) -> None:
    """Write the figures; what was measured once, at first sight, stays."""
    before = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else {}
    first = {"first_look": before["first_look"]} if "first_look" in before else {}
    out.write_text(json.dumps(first | result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def evaluate(files: Sequence[Path], opinion: SecondOpinion | None) -> dict[str, Any]:
    """Figures of the engine on each file, with rules alone and with the opinion."""
    playbook = load_playbook()
    report: dict[str, Any] = {"playbook_version": playbook.version}
    for path in files:
        rows = list(read_rows(path, path.stem))
        report[path.name] = {
            "rules": figures(rows, [_decision(row, playbook, None) for row in rows]),
            "with_opinion": figures(rows, [_decision(row, playbook, opinion) for row in rows]),
        }
    return report


def _decision(row: Row, playbook: Playbook, opinion: SecondOpinion | None) -> Decision:
    engine = AssistEngine(CallFacts("evaluation"), playbook, opinion)
    events = engine.push(Heard("0-0", ChannelRole.CUSTOMER, 0, 4000, row.text))
    return frozenset(
        event.category.value
        for event in events
        if isinstance(event, Alert) and event.severity >= Severity.WARNING
    )


if __name__ == "__main__":
    raise SystemExit(main())
