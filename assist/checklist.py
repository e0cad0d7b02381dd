"""The four-step checklist and the warning ladder, as heard on the line.

An item is done when the agent said it; nobody ticks boxes during a call. The ladder's steps are items too,
so that the desk can light each one when it was said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from koemori.assist.context import CallView
from koemori.assist.phrases import first_match
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.types import ChecklistChange, Heard
from koemori.audio.call import ChannelRole


@dataclass(frozen=True, slots=True)
class Said:
    """An item as it was heard: the utterance and the words in it that showed it."""

    heard: Heard
    quote: str


@dataclass(frozen=True, slots=True)
class _Watched:
    item: str
    speaker: ChannelRole
    heard: tuple[re.Pattern[str], ...]
    unless: tuple[re.Pattern[str], ...]
    covers: tuple[str, ...] = ()


class Checklist:
    """Watches one call; knows which items were said, when, and in which words."""

    def __init__(self, playbook: Playbook) -> None:
        self._watched = [
            _Watched(item.id, item.speaker, item.heard, item.unless) for item in playbook.checklist
        ] + [
            _Watched(step.id, ChannelRole.AGENT, step.heard, step.unless, step.covers)
            for step in playbook.ladder.steps
        ]
        self._said: dict[str, Said] = {}

    def observe(self, heard: Heard, call: CallView) -> list[ChecklistChange]:
        """Look at the newest utterance; return the items it newly fulfils."""
        changes: list[ChecklistChange] = []
        for watched in self._watched:
            if heard.speaker not in (watched.speaker, ChannelRole.UNKNOWN):
                continue
            if all(item in self._said for item in (watched.item, *watched.covers)):
                continue
            quote = first_match(heard.text, watched.heard, watched.unless)
            if quote is None:
                continue
            for item in (*watched.covers, watched.item):
                if item not in self._said:
                    self._said[item] = Said(heard, quote)
                    changes.append(ChecklistChange(item, True, heard.end_ms, heard.utterance_id))
        return changes

    def said(self, item: str) -> Said | None:
        """How an item was said, or None while it is open."""
        return self._said.get(item)

    def done(self, item: str) -> bool:
        """Whether an item was said."""
        return item in self._said
