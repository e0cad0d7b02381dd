"""Scores what the checklist and the warning ladder hear in the agent's words, on scripted calls.

    python -m benchmarks.checklist [--asr] [--show [ITEM …]] [--out FILE]

Method. Each call's turns are pushed through the checklist, as the engine does. Per item: the calls in which
it was heard against the calls whose `gold.checklist` says it was done. The gold counts a name that was asked
for together with a number as `identity_check` alone; the checklist lights both, and that is not held against
it. Per ladder group, over turns: turns in which a step is heard, each turn looked at alone, against turns
labelled so (`warning`: ladder1 to ladder3, `termination`: ladder5). Whether a superior approves of an ending
depends on what went before and is not scored here.

Sets. `dev`: the twelve calls of `corpus/calls` and k01 to k10, developed on. `held`: k11 to k20; no item was
developed on what it missed there, but two of them (k12, k15) were read for the ladder. `checklist-first.json`
is the first look at all of them.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from koemori.assist.checklist import Checklist
from koemori.assist.context import CallView
from koemori.assist.phrases import first_match
from koemori.assist.playbooks.load import load_playbook
from koemori.assist.types import CallFacts, Heard
from koemori.audio.call import ChannelRole

from benchmarks.cases import SETS

PLAYBOOK: Final = load_playbook()
LABELS: Final = {"warning": ("ladder1", "ladder2", "ladder3"), "termination": ("ladder5",)}


@dataclass(slots=True)
class Count:
    """Right, wrongly heard, missed, and where."""

    right: int = 0
    extra: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()

    def note(self, gold: bool, heard: bool, place: str) -> None:
        """Add one decision."""
        self.right += gold and heard
        if heard and not gold:
            self.extra += (place,)
        if gold and not heard:
            self.missed += (place,)

    def report(self) -> dict[str, Any]:
        """Precision and recall; null where nothing was heard, or was there to hear."""
        heard, there = self.right + len(self.extra), self.right + len(self.missed)
        return {
            "done": there,
            "heard": heard,
            "precision": round(self.right / heard, 3) if heard else None,
            "recall": round(self.right / there, 3) if there else None,
            "extra": list(self.extra),
            "missed": list(self.missed),
        }


def text_of(turn: dict[str, Any], asr: bool) -> str:
    """A turn's words, punctuated or as a recogniser writes them."""
    return str(turn["text_asr" if asr else "text"])


def heard_in(call: dict[str, Any], asr: bool) -> dict[str, str]:
    """The items heard in a call, each with the turn and the words that showed it."""
    checklist, view, found = Checklist(PLAYBOOK), CallView(CallFacts(call["id"])), {}
    for turn in call["turns"]:
        start_ms, end_ms = round(turn["start"] * 1000), round(turn["end"] * 1000)
        heard = Heard(f"u{turn['i']}", ChannelRole(turn["speaker"]), start_ms, end_ms, text_of(turn, asr))
        for change in checklist.observe(heard, view):
            said = checklist.said(change.item)
            found[change.item] = "" if said is None else f"{turn['i']}「{said.quote}」"
    return found


def score(files: list[Path], asr: bool, show: list[str] | None) -> dict[str, Any]:
    """Counts by item and by ladder group."""
    items: dict[str, Count] = defaultdict(Count)
    turns: dict[str, Count] = defaultdict(Count)
    for file in files:
        call = json.loads(file.read_text(encoding="utf-8"))
        heard = heard_in(call, asr)
        for item, done in _gold(call, heard).items():
            items[item].note(done, item in heard, call["id"])
            if show is not None and (not show or item in show) and done != (item in heard):
                print(f"{item:26} {'missed' if done else 'extra '} {call['id']} {heard.get(item, '')}")
        for turn in call["turns"]:
            if turn["speaker"] != "agent":
                continue
            for label, steps in LABELS.items():
                said = any(_says(step, text_of(turn, asr)) for step in steps)
                turns[label].note(label in turn["labels"], said, f"{call['id']}.{turn['i']}")
    total = Count()
    for count in items.values():
        total.right += count.right
        total.extra += count.extra
        total.missed += count.missed
    overall = {key: value for key, value in total.report().items() if key not in ("extra", "missed")}
    return {
        "calls": len(files),
        "all_items": overall,
        "items": {item: count.report() for item, count in sorted(items.items())},
        "ladder_turns": {label: count.report() for label, count in turns.items()},
    }


def _gold(call: dict[str, Any], heard: dict[str, str]) -> dict[str, bool]:
    gold = {item: bool(done) for item, done in call["gold"]["checklist"].items()}
    if gold["identity_check"] and "ask_name" in heard:
        gold.pop("ask_name")
    return gold


def _says(step_id: str, text: str) -> bool:
    step = next(step for step in PLAYBOOK.ladder.steps if step.id == step_id)
    return first_match(text, (*step.in_person, *step.heard), step.unless) is not None


def main() -> None:
    """Score and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--asr", action="store_true", help="use the text without punctuation")
    parser.add_argument("--show", nargs="*", help="print what differs, of these items or of all")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    dev = [*SETS["calls"].files("all"), *SETS["authored"].files("dev")]
    report = {
        "command": " ".join(["python -m benchmarks.checklist", *sys.argv[1:]]),
        "machine": f"{platform.machine()} {platform.system()}, Python {platform.python_version()}",
        "playbook_version": PLAYBOOK.version,
        "dev": score(dev, options.asr, options.show),
        "held": score(SETS["authored"].files("held"), options.asr, None),
    }
    if options.show is None:
        print(json.dumps(report, ensure_ascii=False, indent=1))
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
