"""What was heard on a channel whose role became known later, and how it was spoken, as the engine is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from koemori.assist.types import VoiceRaised
from koemori.audio.call import ChannelRole
from koemori.models.types import LoadChanged, TranscriptEvent, VoiceChanged

_Event = TypeVar("_Event", bound=TranscriptEvent)


class KnownRoles:
    """Roles of channels that became known after the call began; the listener keeps those of the start."""

    def __init__(self) -> None:
        self._roles: dict[int, ChannelRole] = {}

    def learn(self, roles: Mapping[int, ChannelRole]) -> None:
        """Take roles over, from now on."""
        self._roles |= roles

    def applied(self, event: _Event) -> _Event:
        """The event with its channel's role as it is known now."""
        if not self._roles or isinstance(event, LoadChanged):
            return event
        role = self._roles.get(event.channel.index, event.channel.role)
        return replace(event, channel=replace(event.channel, role=role))


def voice_raised(event: VoiceChanged) -> VoiceRaised:
    """A voice's loudness for the engine."""
    return VoiceRaised(
        at_ms=event.end_ms,
        since_ms=event.since_ms,
        level_db=event.level_db,
        pitch_semitones=event.pitch_semitones,
        ended=not event.raised,
    )
