"""How the matter stands, from words: 納得, 取下げ, 終話 … never from 「分かりました」 that is denied or quoted.

Source: the three end states of the guideline of 13 articles (納得・取下げ・説得困難) and "same-time
resolution by 「分かりました」「納得しました」" of the control framework; the phrases are data (end_states.toml).
"""

from __future__ import annotations

from dataclasses import dataclass

from koemori.assist.phrases import first_match
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.types import EndState, Heard
from koemori.audio.call import ChannelRole


@dataclass(frozen=True, slots=True)
class Standing:
    """The state so far and the utterance and words it rests on."""

    state: EndState
    weight: int
    utterance_id: str
    quote: str


class EndStateJudge:
    """Watches one call for words that settle or end it."""

    def __init__(self, playbook: Playbook) -> None:
        self._rules = playbook.end_states
        self._standing: Standing | None = None
        self._complaint = False
        self.changed = False

    def observe(self, heard: Heard) -> None:
        """Look at the newest utterance."""
        for rule in self._rules:
            if heard.speaker not in (rule.speaker, ChannelRole.UNKNOWN):
                continue
            quote = first_match(heard.text, rule.any, rule.unless)
            if quote is None:
                continue
            if self._standing is None or rule.weight >= self._standing.weight:
                self._standing = Standing(rule.state, rule.weight, heard.utterance_id, quote)

    @property
    def state(self) -> EndState:
        """The state so far; `open` until words say otherwise."""
        return EndState.OPEN if self._standing is None else self._standing.state
