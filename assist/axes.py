"""The two axes on which a call is judged: what is demanded, and how.

要求内容の妥当性 × 手段・態様の相当性 (Ministry of Health, Labour and Welfare; the court practice behind
it). Either alone may be out of bounds: a fair complaint in rough words is `rough`, not harassment; a polite
demand for something nobody owes is `excessive`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from koemori.assist.context import CallView
from koemori.assist.types import AGENT_SIDE, Alert, Category, Finding, Severity
from koemori.audio.call import ChannelRole

_CONTENT: Final = frozenset(
    {Category.MONEY, Category.EXCESSIVE, Category.DOGEZA, Category.FRAUD, Category.PRIVACY}
)
"""Categories in which the thing asked for is itself out of bounds."""
_NO_MANNER: Final = AGENT_SIDE | {Category.SELFHARM, Category.FRAUD}


def judge(findings: Iterable[Finding], call: CallView) -> tuple[str, str]:
    """`(demand_validity, manner)`: reasonable/excessive/unknown and calm/rough/harassing."""
    alerts = [item for item in findings if isinstance(item, Alert) and item.category not in AGENT_SIDE]
    return _demand_validity(alerts, call), _manner(alerts)


def _demand_validity(alerts: list[Alert], call: CallView) -> str:
    if any(a.category in _CONTENT and a.severity >= Severity.WARNING for a in alerts):
        return "excessive"
    said = any(item.speaker is not ChannelRole.AGENT for item in call.heard)
    return "reasonable" if said else "unknown"


def _manner(alerts: list[Alert]) -> str:
    relevant = [a for a in alerts if a.category not in _NO_MANNER]
    if any(a.harassment for a in relevant):
        return "harassing"
    return "rough" if relevant else "calm"
