"""What one demo call came to, and whether everything came that should."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from koemori.server.archive.manifest import MASTER_NAME
from koemori.server.wire import (
    AlertEvent,
    CallEndedEvent,
    CaseEvent,
    GuidanceEvent,
    UtteranceEvent,
    WireEvent,
)
from numpy.typing import NDArray

_ALARM = 2


def summarize(events: Sequence[WireEvent], sent: NDArray[np.int16]) -> dict[str, Any]:
    """Gather one call's events into the summary that `demo --once` prints.

    Args:
        events: All events of the call, in order.
        sent: Decoded samples as sent, agent then customer, int16, shape `(2, n)`.
    """
    utterances = [event for event in events if isinstance(event, UtteranceEvent)]
    alarms = [event for event in events if isinstance(event, AlertEvent) and event.severity >= _ALARM]
    cards = [event for event in events if isinstance(event, GuidanceEvent)]
    cases = [event for event in events if isinstance(event, CaseEvent)]
    ended = next((event for event in events if isinstance(event, CallEndedEvent)), None)
    summary: dict[str, Any] = {
        "call_id": events[0].call_id if events else None,
        "utterances": {
            side: sum(event.speaker.value == side for event in utterances) for side in ("agent", "customer")
        },
        "alerts": [
            {
                "category": event.category.value,
                "severity": event.severity,
                "quote": event.quote,
                "at_ms": event.at_ms,
            }
            for event in alarms
        ],
        "guidance": {
            "count": len(cards),
            "first": cards[0].model_dump(mode="json", include={"stage", "say", "why", "source"})
            if cards
            else None,
        },
        "case": cases[-1].model_dump(mode="json", include=_CASE_KEYS) if cases else None,
        "recording": None,
        "ledger": None,
        "latency": None,
    }
    if ended is not None:
        summary["ledger"] = ended.ledger.model_dump(mode="json")
        summary["latency"] = ended.latency.model_dump(mode="json")
        summary["reason"] = ended.reason
    if ended is not None and ended.recording is not None:
        path = Path(ended.recording.path)
        summary["recording"] = {
            **ended.recording.model_dump(mode="json"),
            "samples_equal_input": samples_equal(path / MASTER_NAME, sent),
        }
    missing = missing_parts(summary)
    return {"ok": not missing, "missing": missing, **summary}


_CASE_KEYS = {"revision", "fields", "end_state", "harassment_categories", "demand_validity", "manner"}


def samples_equal(master: Path, sent: NDArray[np.int16]) -> bool:
    """Whether the sealed master decodes to exactly what was sent."""
    try:
        samples, _ = soundfile.read(str(master), dtype="int16", always_2d=True)
    except (soundfile.LibsndfileError, OSError):
        return False
    return bool(np.array_equal(samples.T, sent))


def missing_parts(summary: dict[str, Any]) -> list[str]:
    """What should have come and did not, in words."""
    wanted = {
        "utterances of the agent": summary["utterances"]["agent"],
        "utterances of the customer": summary["utterances"]["customer"],
        "an alert of severity 2 or 3 with its quote": any(alert["quote"] for alert in summary["alerts"]),
        "guidance": summary["guidance"]["count"],
        "a filled case": summary["case"] and summary["case"]["fields"],
        "a sealed recording": summary["recording"],
        "samples equal to the input": summary["recording"] and summary["recording"]["samples_equal_input"],
    }
    return [name for name, came in wanted.items() if not came]
