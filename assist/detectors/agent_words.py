"""The agent's own risky words: admitting liability before the facts, denial, speculation.

An admission after checking is right and never alarms: 「記録を確認いたしましたところ」 in the same
utterance or earlier in the call. Findings are notices to the agent, not harassment.
"""

from __future__ import annotations

from koemori.assist.alerts import alert_of, best_per_category
from koemori.assist.context import CallView
from koemori.assist.playbooks.lexicon import Lexicon
from koemori.assist.rules import utterance
from koemori.assist.types import CallFacts, Category, Finding, Heard, Tick
from koemori.audio.call import ChannelRole


class AgentWordsDetector:
    """Runs the agent-side rules over each utterance of the agent."""

    name = "agent_words"

    def __init__(self, facts: CallFacts, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._rules = tuple(rule for rule in lexicon.rules if rule.of_agent)
        self._checked_words = lexicon.topics.get("agent_checked", ())
        self._unchecked_words = lexicon.topics.get("agent_unchecked", ())
        self._checked = False

    def observe(self, event: Heard | Tick, call: CallView) -> list[Finding]:
        """Alerts for the newest utterance of the agent."""
        if not isinstance(event, Heard) or event.speaker is not ChannelRole.AGENT:
            return []
        said = utterance(event.text, self._lexicon)
        if said.says(self._checked_words) is not None and said.says(self._unchecked_words) is None:
            self._checked = True
        return [
            alert_of(m.rule, event, m.quote, m.rule.severity)
            for m in best_per_category(said.matches(self._rules))
            if not (self._checked and m.rule.category is Category.PREMATURE_LIABILITY)
        ]
