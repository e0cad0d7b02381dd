"""What follows from an opinion: which of the rules' findings stay warnings, and whether to raise an alert."""

from __future__ import annotations

from typing import Final

from koemori.assist.alerts import is_harassment
from koemori.assist.second_opinion.model import Judgement, SecondOpinion
from koemori.assist.types import Alert, Heard, Severity

RULE_PREFIX: Final = "second_opinion."
"""Of the `rule_id` of an alert that no rule of the lexicon raised; the category follows."""


def is_vetoed(opinion: SecondOpinion, judgement: Judgement, severity: Severity) -> bool:
    """Whether a rule of this severity warned of what is most likely harmless."""
    limits = {
        Severity.WARNING: opinion.thresholds.veto_below,
        Severity.DANGER: opinion.thresholds.veto_danger_below,
    }
    return severity in limits and judgement.alert < limits[severity]


def veto_explanation(opinion: SecondOpinion, judgement: Judgement, why: str) -> str:
    """Why a rule's warning is only a notice."""
    return (
        f"{why}(ただし統計的な推定では該当の確率が{_percent(judgement.alert)}と低いため、注意にとどめた。"
        f"推定の版 {opinion.version})"
    )


def raised(opinion: SecondOpinion, judgement: Judgement, heard: Heard) -> Alert | None:
    """The alert on an utterance of which no rule warned, if the opinion is sure enough."""
    if judgement.alert < opinion.thresholds.raise_from:
        return None
    sure_of_danger = judgement.danger >= opinion.thresholds.danger_from
    severity = Severity.DANGER if sure_of_danger else Severity.WARNING
    rule_id = f"{RULE_PREFIX}{judgement.category.value}"
    return Alert(
        alert_id=f"{rule_id}@{heard.utterance_id}",
        category=judgement.category,
        severity=severity,
        harassment=is_harassment(judgement.category, severity),
        rule_id=rule_id,
        at_ms=heard.end_ms,
        utterance_ids=(heard.utterance_id,),
        quote=opinion.telling_clause(judgement),
        explanation=(
            f"規則には一致しないが、言葉づかい全体からの統計的な推定で該当の確率が{_percent(judgement.alert)}"
            f"(推定の版 {opinion.version})。判断は前後の会話とあわせて行う"
        ),
    )


def _percent(probability: float) -> str:
    return f"{min(99, max(1, round(100 * probability)))}%"
