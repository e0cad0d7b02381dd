"""Scripted conversations: speakers and words in, `Heard` out, with media times that move on by themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from koemori.assist.context import CallView
from koemori.assist.extractors import Extractor
from koemori.assist.playbooks.load import load_playbook
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.types import CallFacts, FieldProposal, Heard
from koemori.audio.call import ChannelRole

MS_PER_CHARACTER = 150


@cache
def shipped_playbook() -> Playbook:
    """The playbook that ships, read once for all tests."""
    return load_playbook()


@dataclass
class Conversation:
    """A call in the making; `a` and `c` say something as agent and customer."""

    facts: CallFacts = field(default_factory=lambda: CallFacts("call-1"))
    pause_ms: int = 500

    def __post_init__(self) -> None:
        """Start at media time zero."""
        self.call = CallView(self.facts)

    def a(self, text: str) -> Heard:
        """The agent speaks."""
        return self.say(ChannelRole.AGENT, text)

    def c(self, text: str) -> Heard:
        """The customer speaks."""
        return self.say(ChannelRole.CUSTOMER, text)

    def say(self, speaker: ChannelRole, text: str) -> Heard:
        """Somebody speaks; the call moves on."""
        start_ms = self.call.now_ms + self.pause_ms
        end_ms = start_ms + MS_PER_CHARACTER * len(text)
        heard = Heard(f"u{len(self.call.heard)}", speaker, start_ms, end_ms, text)
        self.call.heard.append(heard)
        self.call.now_ms = end_ms
        return heard


def read(
    extractor: Extractor, *turns: tuple[str, str], facts: CallFacts | None = None
) -> dict[str, FieldProposal]:
    """What an extractor proposes over a script of `("a" | "c", text)`; the surer, then the later."""
    conversation = Conversation(facts or CallFacts("call-1"))
    best: dict[str, FieldProposal] = {}
    for speaker, text in turns:
        heard = conversation.a(text) if speaker == "a" else conversation.c(text)
        for proposal in extractor.observe(heard, conversation.call):
            old = best.get(proposal.field)
            if old is None or proposal.confidence >= old.confidence:
                best[proposal.field] = proposal
    return best
