"""What a call's own events show to be wrong with it: no audio, one side only, losses, sides not known.

Pure: events in, codes of problems out; `koemori.server.capture.faults` has a sentence for each.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from koemori.audio.call import CallEnded, CallStarted, ChannelRole
from koemori.audio.frames import AudioFrame, SourceEvent
from koemori.audio.signals import CallUpdated

_LEAST_MS = 5_000
"""Shorter calls say nothing about a side that was not heard."""
_LEAST_PACKETS = 50
_LOST_SHARE = 0.02


@dataclass(slots=True)
class CallWatch:
    """Looks at one call.

    Attributes:
        problems: Codes, complete once the call has ended.
    """

    problems: set[str] = field(default_factory=set)
    _roles: dict[int, ChannelRole] = field(default_factory=dict)
    _heard: set[int] = field(default_factory=set)

    def push(self, event: SourceEvent) -> None:
        """Take the next event."""
        if isinstance(event, AudioFrame):
            self._heard.add(event.channel.index)
        elif isinstance(event, CallUpdated):
            self._update(event)
        elif isinstance(event, CallStarted):
            self._roles = {channel.index: channel.role for channel in event.channels}
        elif isinstance(event, CallEnded):
            self._end(event)

    def _update(self, update: CallUpdated) -> None:
        facts = update.facts
        self._roles.update(update.roles)
        expected, lost = facts.get("packets_expected", 0), facts.get("packets_lost", 0)
        if isinstance(expected, int) and isinstance(lost, int) and expected >= _LEAST_PACKETS:
            self._note("loss", lost >= expected * _LOST_SHARE)
        self._note("codec-deviates", bool(facts.get("packets_unagreed")))
        self._note("legs-guessed", facts.get("mapping") == "guessed")

    def _end(self, ended: CallEnded) -> None:
        self._note("no-media", not self._heard)
        if not self._heard or ended.end_ms < _LEAST_MS:
            return
        self._note("one-way", len(self._heard) < len(self._roles))
        both = len(self._roles) > 1
        self._note("roles-unknown", both and ChannelRole.UNKNOWN in self._roles.values())

    def _note(self, code: str, found: bool) -> None:
        if found:
            self.problems.add(code)
