"""What follows from an opinion: which of the rules' findings stay warnings, and whether to raise an alert."""

from __future__ import annotations

from typing import Final

from koemori.assist.alerts import is_harassment
from koemori.assist.second_opinion.model import Judgement, SecondOpinion, Thresholds
from koemori.assist.types import Alert, Category, Heard, Severity

RULE_PREFIX: Final = "second_opinion."
"""Of the `rule_id` of an alert that no rule of the lexicon raised; the category follows."""


def is_vetoed(opinion: SecondOpinion, judgement: Judgement, category: Category, severity: Severity) -> bool:
    """Whether a rule of this category and severity warned of what is most likely harmless."""
    if severity < Severity.WARNING:
        return False
    return judgement.alert < veto_limit(opinion.thresholds, category, severity)


def veto_limit(thresholds: Thresholds, category: Category, severity: Severity) -> float:
    """Probability of an alert below which a rule's warning or danger is doubted."""
    if severity < Severity.DANGER:
        return thresholds.veto_below
    selfharm = category is Category.SELFHARM
    return thresholds.veto_selfharm_below if selfharm else thresholds.veto_danger_below


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
    explanation = (
        f"規則には一致しないが、言葉づかい全体からの統計的な推定で該当の確率が{_percent(judgement.alert)}"
        f"(推定の版 {opinion.version})。判断は前後の会話とあわせて行う"
    )
    severity = Severity.DANGER if sure_of_danger else Severity.WARNING
    return _alert(opinion, judgement, heard, judgement.category, severity, explanation)


def beside(opinion: SecondOpinion, judgement: Judgement, heard: Heard) -> Alert | None:
    """The alert of a further category on an utterance that alerts anyway; never more than a warning."""
    if judgement.beside is None or judgement.beside_probability < opinion.thresholds.beside_from:
        return None
    explanation = (
        "同じ発話に重なる別の類型。統計的な推定でこの類型にも当たる確率が"
        f"{_percent(judgement.beside_probability)}(推定の版 {opinion.version})。"
        "判断は前後の会話とあわせて行う"
    )
    return _alert(opinion, judgement, heard, judgement.beside, Severity.WARNING, explanation)


def _alert(
    opinion: SecondOpinion,
    judgement: Judgement,
    heard: Heard,
    category: Category,
    severity: Severity,
    explanation: str,
) -> Alert:
    rule_id = f"{RULE_PREFIX}{category.value}"
    return Alert(
        alert_id=f"{rule_id}@{heard.utterance_id}",
        category=category,
        severity=severity,
        harassment=is_harassment(category, severity),
        rule_id=rule_id,
        at_ms=heard.end_ms,
        utterance_ids=(heard.utterance_id,),
        quote=opinion.telling_clause(judgement, category),
        explanation=explanation,
    )


def _percent(probability: float) -> str:
    return f"{min(99, max(1, round(100 * probability)))}%"
