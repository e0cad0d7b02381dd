"""Diarization error rate by pyannote.metrics; runs under the interpreter that has it (`make diarize`).

Reads `{"calls": [{"reference": [[speaker, start_ms, end_ms], …], "found": […], "end_ms": N}, …]}` from stdin
and writes the error rate of each call and of all together, with its parts in seconds. No collar, overlapping
speech counted.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    from pyannote.core import Annotation, Segment, Timeline
    from pyannote.metrics.diarization import DiarizationErrorRate

    def annotation(turns: list[list[Any]]) -> Annotation:
        made = Annotation()
        for track, (speaker, start_ms, end_ms) in enumerate(turns):
            made[Segment(start_ms / 1000, end_ms / 1000), track] = speaker
        return made

    calls = json.load(sys.stdin)["calls"]
    rate = DiarizationErrorRate()
    parts: list[dict[str, float]] = []
    for call in calls:
        heard = Timeline([Segment(0, call["end_ms"] / 1000)])
        detail = rate(annotation(call["reference"]), annotation(call["found"]), uem=heard, detailed=True)
        parts.append({name: round(float(value), 4) for name, value in detail.items()})
    json.dump({"calls": parts, "overall": round(float(abs(rate)), 4)}, sys.stdout)


if __name__ == "__main__":
    main()
