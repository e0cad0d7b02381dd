"""Harassment and danger in the customer's words, by the rules of the lexicon.

Context: rough words that are only a notice become a warning when the agent has already asked the caller to
stop; a demand for money in the same breath as a threat is a danger (刑法249条).
"""

from __future__ import annotations

from typing import Final

from koemori.assist.alerts import alert_of, best_per_category
from koemori.assist.context import CallView
from koemori.assist.playbooks.lexicon import Lexicon
from koemori.assist.rules import RuleMatch, utterance
from koemori.assist.types import CallFacts, Category, Finding, Heard, Severity, Tick
from koemori.audio.call import ChannelRole

_WARNING_LASTS: Final = 8
"""Agent utterances for which a warning to the caller counts as fresh."""
_VIOLENT: Final = frozenset({Category.THREAT, Category.VIOLENCE, Category.ANTISOCIAL})


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
        if not matches:
            return []
        warned = self._was_warned(call)
        violent = any(m.rule.category in _VIOLENT and m.rule.severity >= Severity.WARNING for m in matches)
        return [
            alert_of(m.rule, event, m.quote, self._severity(m, warned=warned, violent=violent))
            for m in matches
        ]

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
