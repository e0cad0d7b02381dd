"""The four-step checklist and the warning ladder, as heard on the line.

An item is done when the agent said it; nobody ticks boxes during a call. The ladder's steps are items too,
so that the desk can light each one when it was said. One step may be done without a word: a supervisor's
approval, given by its own input and kept with who gave it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from koemori.assist.context import CallView
from koemori.assist.phrases import first_match
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.types import ChecklistChange, Heard, LadderApproved
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
    after: str | None = None
    in_person: tuple[re.Pattern[str], ...] = ()


class Checklist:
    """Watches one call; knows which items were said, when, and in which words."""

    def __init__(self, playbook: Playbook) -> None:
        self._watched = [
            _Watched(item.id, item.speaker, item.heard, item.unless) for item in playbook.checklist
        ] + [
            _Watched(step.id, ChannelRole.AGENT, step.heard, step.unless, step.after, step.in_person)
            for step in playbook.ladder.steps
        ]
        self._said: dict[str, Said] = {}
        self._approved: dict[str, LadderApproved] = {}

    def observe(self, heard: Heard, call: CallView) -> list[ChecklistChange]:
        """Look at the newest utterance; return the items it newly fulfils."""
        changes: list[ChecklistChange] = []
        for watched in self._watched:
            if heard.speaker not in (watched.speaker, ChannelRole.UNKNOWN) or watched.item in self._said:
                continue
            quote = first_match(heard.text, self._patterns(watched), watched.unless)
            if quote is None:
                continue
            was_done = self.done(watched.item)
            self._said[watched.item] = Said(heard, quote)
            if not was_done:
                changes.append(ChecklistChange(watched.item, True, heard.end_ms, heard.utterance_id))
        return changes

    def _patterns(self, watched: _Watched) -> tuple[re.Pattern[str], ...]:
        if watched.after is not None and watched.after not in self._said:
            return watched.in_person
        return (*watched.in_person, *watched.heard)

    def approve(self, item: str, approval: LadderApproved) -> list[ChecklistChange]:
        """Note a supervisor's approval; the change it makes, if the item was still open."""
        was_done = self.done(item)
        self._approved[item] = approval
        return [] if was_done else [ChecklistChange(item, True, approval.at_ms, None)]

    def lapse(self, item: str) -> None:
        """A supervisor's approval of an item, if there was one, counts no more."""
        self._approved.pop(item, None)

    def said(self, item: str) -> Said | None:
        """How an item was said, or None while it was not."""
        return self._said.get(item)

    def approved(self, item: str) -> LadderApproved | None:
        """Who approved of an item, or None."""
        return self._approved.get(item)

    def done(self, item: str) -> bool:
        """Whether an item was said or approved of."""
        return item in self._said or item in self._approved
