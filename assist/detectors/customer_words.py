"""Harassment and danger in the customer's words, by the lexicon's rules and a statistical second opinion.

The opinion, where the call has one, makes a notice of a rule's warning that is most likely a false alarm,
raises an alert where no rule warned, and adds a further category to an utterance that alerts. Without it the
rules judge alone.

Context: rough words that are only a notice become a warning when the agent has already asked the caller to
stop; a demand for money in the same breath as a threat is a danger (刑法249条).
"""

from __future__ import annotations

from typing import Final

from koemori.assist.alerts import alert_of, best_per_category
from koemori.assist.context import CallView, Judged
from koemori.assist.playbooks.lexicon import Lexicon
from koemori.assist.rules import RuleMatch, utterance
from koemori.assist.second_opinion.deciding import beside, is_vetoed, raised, veto_explanation
from koemori.assist.second_opinion.model import Judgement, SecondOpinion
from koemori.assist.types import Alert, CallFacts, Category, Finding, Heard, Severity, Tick
from koemori.audio.call import ChannelRole

_WARNING_LASTS: Final = 8
"""Agent utterances for which a warning to the caller counts as fresh."""
_VIOLENT: Final = frozenset({Category.THREAT, Category.VIOLENCE, Category.ANTISOCIAL})

_YIELDS: Final[tuple[tuple[str, frozenset[Category]], ...]] = (
    ("threat.consequence", frozenset({Category.SNS, Category.DETENTION})),
    ("threat.known-whereabouts", frozenset({Category.SEXUAL})),
    ("threat.damage", frozenset({Category.VIOLENCE})),
    ("threat.kill", frozenset({Category.SELFHARM})),
    ("antisocial.ties", frozenset({Category.SELFHARM})),
    ("excessive.exception", frozenset({Category.AUTHORITY, Category.DOGEZA})),
    ("money.demand", frozenset({Category.DOGEZA, Category.EXCESSIVE})),
    ("other_nuisance.harass", frozenset({Category.SNS})),
    ("verbal_abuse.belittle", frozenset({Category.AUTHORITY, Category.DISCRIMINATION})),
    ("verbal_abuse.shut-up", frozenset({Category.DISCRIMINATION})),
    ("verbal_abuse.die", frozenset({Category.DISCRIMINATION})),
    ("dogeza.demand", frozenset({Category.AUTHORITY})),
    ("sexual.approach", frozenset({Category.DETENTION, Category.VIOLENCE})),
    ("privacy.staff-data", frozenset({Category.THREAT, Category.SNS})),
    ("violence.hit-you", frozenset({Category.OTHER_NUISANCE, Category.ANTISOCIAL})),
    ("intimidation.bark", frozenset({Category.SEXUAL, Category.ANTISOCIAL})),
    ("detention.words", frozenset({Category.REPEAT_DEMAND})),
)
"""Broad rules say nothing of their own beside a finding of these categories in the same utterance."""


class CustomerWordsDetector:
    """Runs the customer-side rules over each utterance of the customer (or of an unknown speaker)."""

    name = "customer_words"

    def __init__(self, facts: CallFacts, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._rules = tuple(rule for rule in lexicon.rules if not rule.of_agent)
        self._warning = lexicon.topics.get("agent_warning", ())

    def observe(self, event: Heard | Tick, call: CallView) -> list[Finding]:
        """Alerts for the newest utterance, at most one per category."""
        if not isinstance(event, Heard) or event.speaker is ChannelRole.AGENT:
            return []
        matches = best_per_category(utterance(event.text, self._lexicon).matches(self._rules))
        judgement = (
            None
            if call.opinion is None
            else call.opinion.judge(event.text, [(m.rule.category, m.rule.severity) for m in matches])
        )
        if call.opinion is None or judgement is None:
            return [*self._alerts(matches, event, call)]
        rules = {m.rule.id: m.rule.severity for m in matches}
        call.judged = Judged(event.utterance_id, judgement.alert, rules)
        vetoed = [m for m in matches if is_vetoed(call.opinion, judgement, m.rule.category, m.rule.severity)]
        found = self._alerts([m for m in matches if m not in vetoed], event, call)
        found += [self._notice(m, event, call.opinion, judgement) for m in vetoed]
        if vetoed:
            return [*found]
        added = self._added(found, event, call.opinion, judgement)
        anew = {alert.category for alert in added}
        return [*(alert for alert in found if alert.category not in anew), *added]

    @staticmethod
    def _added(found: list[Alert], event: Heard, opinion: SecondOpinion, judgement: Judgement) -> list[Alert]:
        """What the opinion raises where no rule warned, and of which further category it warns."""
        warned = [alert for alert in found if alert.severity >= Severity.WARNING]
        first = None if warned else raised(opinion, judgement, event)
        if not warned and first is None:
            return []
        further = beside(opinion, judgement, event)
        named = {alert.category for alert in warned}
        return [alert for alert in (first, further) if alert is not None and alert.category not in named]

    def _alerts(self, matches: list[RuleMatch], event: Heard, call: CallView) -> list[Alert]:
        if not matches:
            return []
        warned = self._was_warned(call)
        violent = any(m.rule.category in _VIOLENT and m.rule.severity >= Severity.WARNING for m in matches)
        return [
            alert_of(m.rule, event, m.quote, self._severity(m, warned=warned, violent=violent))
            for m in _without_echoes(matches)
        ]

    @staticmethod
    def _notice(match: RuleMatch, event: Heard, opinion: SecondOpinion, judgement: Judgement) -> Alert:
        why = veto_explanation(opinion, judgement, match.rule.why)
        return alert_of(match.rule, event, match.quote, Severity.NOTICE, why)

    @staticmethod
    def _severity(match: RuleMatch, *, warned: bool, violent: bool) -> Severity:
        rule = match.rule
        if rule.severity is Severity.NOTICE and warned and rule.category is Category.VERBAL_ABUSE:
            return Severity.WARNING
        if rule.category is Category.MONEY and rule.severity is Severity.WARNING and violent:
            return Severity.DANGER
        return rule.severity

    def _was_warned(self, call: CallView) -> bool:
        return any(
            utterance(item.text, self._lexicon).says(self._warning) is not None
            for item in call.recent(_WARNING_LASTS, ChannelRole.AGENT)
        )


def _without_echoes(matches: list[RuleMatch]) -> list[RuleMatch]:
    """The matches less the broad ones that only repeat a more telling one."""
    kept = list(matches)
    for rule_id, telling in _YIELDS:
        others = {m.rule.category for m in kept if m.rule.severity >= Severity.WARNING}
        if others & telling:
            kept = [m for m in kept if m.rule.id != rule_id]
    return kept
