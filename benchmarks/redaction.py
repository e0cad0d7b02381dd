"""How much personal data the redactor finds: `python -m benchmarks.redaction [--show tune]`.

Spoken utterances of `corpus/redaction.jsonl`, call by call, through `Redactor`. Half of the calls (`tune`)
were looked at while the rules were written; the other half (`held`) was written before them and only scored.

A labelled span counts as found when none of its letters, digits and kanji is left, whatever kind the redactor
took it for: that is what matters to the person. A finding is right when at least half of it is labelled. The
counts are small; intervals are Wilson's at 95 %.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import platform
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from random import Random
from typing import Any

from koemori.assist.redaction import REDACTOR_VERSION, PersonalData, Redactor, Span, masked
from koemori.assist.redaction.numbers import luhn
from koemori.assist.types import Heard
from koemori.audio.call import ChannelRole

CORPUS = Path(__file__).parent / "corpus" / "redaction.jsonl"
RESULT = Path(__file__).parent / "results" / "redaction.json"
MEASURED = Path(__file__).parents[1] / "assist" / "redaction" / "measured.toml"
TURN_MS = 3_000
PARTICLE = "の"
"""Between groups of digits it is read as a hyphen."""
SPLITS = ("tune", "held")


@dataclass(slots=True)
class Tally:
    """Counts of one split."""

    labelled: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    named: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    clean: int = 0
    clean_touched: int = 0
    utterances: int = 0
    misses: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)


def read_calls(path: Path = CORPUS) -> dict[str, list[dict[str, Any]]]:
    """Utterances by call, in order."""
    calls: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            calls[row["call"]].append(row)
    return dict(calls)


def found_in(rows: Iterable[dict[str, Any]]) -> dict[str, list[Span]]:
    """What the redactor finds in one call."""
    redactor = Redactor()
    for number, row in enumerate(rows):
        start_ms = number * TURN_MS
        speaker = ChannelRole(row["speaker"])
        redactor.push(Heard(row["id"], speaker, start_ms, start_ms + TURN_MS, row["text"]))
    return redactor.spans()


def score(calls: Iterable[list[dict[str, Any]]]) -> Tally:
    """Compare findings with labels."""
    tally = Tally()
    for rows in calls:
        spans = found_in(rows)
        for row in rows:
            _score_row(tally, row, spans[row["id"]])
    return tally


def _score_row(tally: Tally, row: dict[str, Any], spans: list[Span]) -> None:
    text = row["text"]
    tally.utterances += 1
    covered = {place for span in spans for place in range(span.start, span.end)}
    labelled = {place for label in row["spans"] for place in range(label["start"], label["end"])}
    if not labelled:
        tally.clean += 1
        tally.clean_touched += bool(spans)
    for label in row["spans"]:
        kind = label["kind"]
        tally.labelled[kind] += 1
        said = {
            place
            for place in range(label["start"], label["end"])
            if text[place].isalnum() and text[place] != PARTICLE
        }
        if said <= covered:
            tally.found[kind] += 1
            same = [s for s in spans if s.kind == kind and s.start < label["end"] and s.end > label["start"]]
            tally.named[kind] += bool(same)
        else:
            left = "".join(text[place] for place in sorted(said - covered))
            tally.misses.append(f"{row['id']} {kind} left {left!r} in {text}")
    for span in spans:
        tally.findings[span.kind.value] += 1
        hit = sum(place in labelled for place in range(span.start, span.end))
        if 2 * hit >= span.length:
            tally.right[span.kind.value] += 1
        else:
            tally.alarms.append(f"{row['id']} {span.kind.value} {text[span.start : span.end]!r} in {text}")


def left_in_scripted_calls() -> dict[str, int]:
    """Names, phone and order numbers of the development calls that are still there, in whole or in a group.

    Each call is read twice: as it was written, and as recognisers write, without punctuation.
    """
    counts = Counter[str]()
    for path in sorted((Path(__file__).parent / "corpus" / "calls").glob("*.json")):
        call = json.loads(path.read_text(encoding="utf-8"))
        case = call["gold"]["case_record"]
        names = re.findall(r"^[一-龥]+", case.get("氏名") or "") if case.get("氏名") != "不明" else []
        groups = [
            group
            for key in ("電話番号", "注文契約番号")
            for group in re.findall(r"\d{3,}", case.get(key) or "")
        ]
        for form in ("text", "text_asr"):
            rows = [{"id": turn["i"], **turn, "text": turn[form]} for turn in call["turns"]]
            spans = found_in(rows)
            rest = "\n".join(masked(row["text"], spans[row["id"]]) for row in rows)
            counts["names"] += len(names)
            counts["names_left"] += sum(name[:2] in rest for name in names)
            counts["digit_groups"] += len(groups)
            counts["digit_groups_left"] += sum(group in rest for group in groups)
    return dict(counts)


KANJI = "〇一二三四五六七八九"
KANA = ("ゼロ", "イチ", "ニー", "サン", "ヨン", "ゴー", "ロク", "ナナ", "ハチ", "キュー")
GENERATED = 600


def _spoken(random: Random, groups: Sequence[str]) -> str:
    """A number as recognisers write it: digits, kanji or kana, in groups, with a filler at times."""
    form = random.choice(("digits", "digits", "digits", "kanji", "kana", "spaced", "amount", "plain"))
    between = random.choice(("の", "、", " ", "-", "の、", "、えーと、"))
    match form:
        case "kanji":
            groups = ["".join(KANJI[int(digit)] for digit in group) for group in groups]
        case "kana":
            groups = ["".join(KANA[int(digit)] for digit in group) for group in groups]
        case "spaced":
            return " ".join("".join(groups))
        case "amount":
            groups = [f"{int(group):,}" if group[0] != "0" else group for group in groups]
        case "plain":
            return "".join(groups)
        case _:
            pass
    return between.join(groups)


def generated_recall(kind: PersonalData, seed: int) -> dict[str, Any]:
    """Numbers drawn at random, in one utterance or in one a group, asked for or not."""
    random = Random(seed)  # noqa: S311 - a benchmark's draw, not a secret
    found = 0
    for _ in range(GENERATED):
        groups = _card(random) if kind is PersonalData.CARD else _phone(random)
        split, asked = random.random() < 0.3, random.random() < 0.7
        parts = groups if split else [_spoken(random, groups)]
        question = "カード番号をお願いします" if kind is PersonalData.CARD else "お電話番号をお願いします"
        rows = [{"id": "q", "speaker": "agent", "text": question if asked else "ご用件をお願いします"}]
        for number, part in enumerate(parts):
            end = random.choice(("", "です", "。")) if number == len(parts) - 1 else random.choice(("", "の"))
            rows.append({"id": str(number), "speaker": "customer", "text": f"{part}{end}"})
        spans = found_in(rows)
        rest = "".join(masked(row["text"], spans[row["id"]]) for row in rows[1:])
        found += not re.search(rf"[0-9{KANJI}]|{'|'.join(KANA)}", rest)
    return {
        "numbers": GENERATED,
        "found": found,
        "recall": round(found / GENERATED, 4),
        "interval": interval(found, GENERATED),
    }


def _phone(random: Random) -> list[str]:
    head, sizes = random.choice(
        (("090", (4, 4)), ("080", (4, 4)), ("03", (4, 4)), ("045", (3, 4)), ("0466", (2, 4)))
    )
    return [head, *("".join(random.choices("0123456789", k=size)) for size in sizes)]


def _card(random: Random) -> list[str]:
    digits = random.choice("345") + "".join(random.choices("0123456789", k=14))
    check = next(digit for digit in "0123456789" if luhn(digits + digit))
    return [(digits + check)[place : place + 4] for place in range(0, 16, 4)]


def interval(hits: int, count: int) -> list[float] | None:
    """Wilson's interval at 95 %."""
    if not count:
        return None
    z = 1.96
    share = hits / count
    middle = share + z * z / (2 * count)
    spread = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return [round(max(0.0, (middle - spread) / scale), 3), round(min(1.0, (middle + spread) / scale), 3)]


def write_measured(result: dict[str, Any]) -> None:
    """The figures that every rendition carries."""
    held = result["splits"]["held"]["kinds"]
    lines = [
        "# Written by python -m benchmarks.redaction.",
        f'redactor_version = "{result["redactor_version"]}"',
        f'corpus_sha256 = "{result["corpus_sha256"]}"',
    ]
    for name in ("recall", "labelled"):
        lines += ["", f"[{name}]", *(f"{kind} = {row[name]}" for kind, row in held.items())]
    MEASURED.write_text("\n".join(lines) + "\n", encoding="utf-8")


def figures(tally: Tally) -> dict[str, Any]:
    """Recall and precision, for all and by kind."""
    kinds = {kind.value: _kind_figures(tally, [kind.value]) for kind in PersonalData}
    return {
        "utterances": tally.utterances,
        "all": _kind_figures(tally, [kind.value for kind in PersonalData]),
        "kinds": kinds,
        "utterances_without_personal_data": tally.clean,
        "of_these_touched": tally.clean_touched,
    }


def _kind_figures(tally: Tally, kinds: list[str]) -> dict[str, Any]:
    labelled, found, named, findings, right = (
        sum(counts[kind] for kind in kinds)
        for counts in (tally.labelled, tally.found, tally.named, tally.findings, tally.right)
    )
    return {
        "labelled": labelled,
        "found": found,
        "recall": round(found / labelled, 3) if labelled else None,
        "recall_interval": interval(found, labelled),
        "kind_right": round(named / found, 3) if found else None,
        "findings": findings,
        "right": right,
        "precision": round(right / findings, 3) if findings else None,
        "precision_interval": interval(right, findings),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--show", choices=SPLITS, help="list misses and false findings of a half")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    calls = read_calls()
    tallies = {split: score(rows for rows in calls.values() if rows[0]["split"] == split) for split in SPLITS}
    result = {
        "command": "python -m benchmarks.redaction",
        "redactor_version": REDACTOR_VERSION,
        "machine": f"{platform.machine()} {platform.system()}, {os.cpu_count()} cores",
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("sudachipy", "sudachidict-core")},
        },
        "corpus": "benchmarks/corpus/redaction.jsonl (written for this project, one author; free to use)",
        "corpus_sha256": hashlib.sha256(CORPUS.read_bytes()).hexdigest(),
        "scripted_calls": left_in_scripted_calls(),
        "generated": {
            kind.value: generated_recall(kind, seed)
            for seed, kind in enumerate((PersonalData.PHONE, PersonalData.CARD))
        },
        "splits": {split: figures(tally) for split, tally in tallies.items()},
    }
    if options.show:
        tally = tallies[options.show]
        print("\n".join(["missed:", *tally.misses, "", "wrongly found:", *tally.alarms]))
    else:
        options.out.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        if options.out == RESULT:
            write_measured(result)
    for split, tally in tallies.items():
        for kind, row in {"all": figures(tally)["all"], **figures(tally)["kinds"]}.items():
            print(
                f"{split:5} {kind:10} recall {row['recall']} ({row['found']}/{row['labelled']})"
                f"  precision {row['precision']} ({row['right']}/{row['findings']})"
            )
        print(f"{split:5} clean utterances touched: {tally.clean_touched} of {tally.clean}")
    print("scripted calls:", result["scripted_calls"])
    print("generated:", result["generated"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
