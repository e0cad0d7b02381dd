"""Masking in one live call: from keys, words, the desk, an IVR, to what recorder and events are told.

What the source gives goes through the pure lane (`koemori.audio.masking`) and to the recorder at once; events
follow. Whoever asks for masking names a reason, a code; no digit is in anything that is said here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from koemori.audio.call import CallStarted
from koemori.audio.frames import AudioFrame, Gap, GapCause, ms_to_samples, samples_to_ms
from koemori.audio.masking import MaskedBefore, Masking, MaskingChanged, Passed
from koemori.audio.signals import KeyPressed
from koemori.server.calls.emitter import Emitter
from koemori.server.calls.masking_plan import MaskingPlan, MaskingStanding
from koemori.server.calls.masking_words import CardGuard, CardNews
from koemori.server.calls.ports import Recorder

logger = logging.getLogger(__name__)

_LONGEST_TOLD_S = 30
"""A masked stretch that goes on is told in gaps of this length."""
_MOST_MARKS = 2_000


class CallMasking:
    """See the module; of one call.

    Attributes:
        cards: The door of the words.
    """

    def __init__(self, started: CallStarted, plan: MaskingPlan, recorder: Recorder, emitter: Emitter) -> None:
        self.cards = CardGuard()
        self._call_id = started.call_id
        self._rate_hz = started.sample_rate_hz
        self._plan = plan
        self._masking = Masking(started, plan.limits)
        self._recorder = recorder
        self._emitter = emitter
        self._told: list[Gap | MaskingChanged] = []
        self._masked_gaps: dict[int, Gap] = {}
        self._standing = MaskingStanding(False)
        self._marks = 0

    @property
    def standing(self) -> MaskingStanding:
        """How it stands now."""
        return self._standing

    def push(self, event: AudioFrame | Gap | KeyPressed) -> list[AudioFrame | Gap]:
        """Record what may be kept of it; return that, for the assist side. `tell` afterwards."""
        return self._keep(self._passed(event))

    def _passed(self, event: AudioFrame | Gap | KeyPressed) -> list[Passed]:
        """What the lane lets pass; a recording must not end because keys can no longer be heard in it."""
        try:
            return self._masking.push(event)
        except Exception as error:
            logger.error(
                "keys are no longer heard in a call", extra={"call_id": self._call_id}, exc_info=error
            )
            self._recorder.mark("key-hearing-failed")
            self._masking.stop_hearing()
            return self._masking.push(event)

    def finish(self) -> list[AudioFrame | Gap]:
        """As `push`, of what was held back; the call has ended."""
        kept = self._keep(self._masking.finish())
        for index in tuple(self._masked_gaps):
            self._close_gap(index)
        return kept

    async def start(self, reason: str, seconds: float | None) -> MaskingStanding:
        """Mask from now on, for so long or the longest time; again: as long from now."""
        self._keep(self._masking.start(reason, seconds, exactly=True))
        await self.tell()
        return self._standing

    async def stop(self) -> MaskingStanding:
        """Let sound be kept again."""
        self._keep(self._masking.stop())
        await self.tell()
        return self._standing

    async def heard(self, news: CardNews) -> None:
        """A card number is asked for, or was said: mask what was passed on since, and what follows."""
        seconds = self._plan.asked_s if news.reason == "card-asked" else self._plan.spoken_s
        since = ms_to_samples(news.since_ms, self._rate_hz)
        if seconds:
            self._keep(self._masking.start(news.reason, seconds, since_sample=since))
        elif news.reason == "card-asked":
            self.cards.unmasked(news.since_ms)
        else:
            self._keep(self._masking.mask_since(since))
            self.cards.unmasked(samples_to_ms(self._masking.position, self._rate_hz))
        await self.tell()

    async def tell(self) -> None:
        """Say what changed."""
        while self._told:
            told = self._told.pop(0)
            if isinstance(told, Gap):
                await self._emitter.gap(told)
            else:
                await self._emitter.masking(*self._in_ms(told))

    def _keep(self, passed: Iterable[Passed]) -> list[AudioFrame | Gap]:
        kept: list[AudioFrame | Gap] = []
        for one in passed:
            match one:
                case AudioFrame():
                    self._recorder.push(one)
                    kept.append(one)
                    if self._masked_gaps and not one.late:
                        self._close_gap(one.channel.index)
                case Gap():
                    self._recorder.push(one)
                    kept.append(one)
                    self._note_gap(one)
                case MaskedBefore():
                    self._recorder.mask(one.channel.index, one.start_sample, one.sample_count)
                    masked = (one.channel, one.start_sample, one.sample_count, GapCause.MASKED)
                    self._note_gap(Gap(*masked, self._rate_hz))
                case MaskingChanged():
                    self._change(one)
        return kept

    def _change(self, change: MaskingChanged) -> None:
        masked, reason, at_ms, until_ms = self._in_ms(change)
        self._standing = MaskingStanding(masked, reason if masked else None, until_ms)
        if masked:
            self.cards.masked(at_ms)
        else:
            self.cards.unmasked(at_ms)
        self._told.append(change)
        self._marks += 1
        if self._marks <= _MOST_MARKS:
            facts: dict[str, str | int] = {"at_ms": at_ms, "masked": int(masked), "reason": reason}
            self._recorder.mark("masking", facts if until_ms is None else {**facts, "until_ms": until_ms})

    def _note_gap(self, gap: Gap) -> None:
        """Gaps are told as they come; masked ones, which come frame by frame, as one."""
        if gap.cause is not GapCause.MASKED:
            self._close_gap(gap.channel.index)
            self._told.append(gap)
            return
        index = gap.channel.index
        before = self._masked_gaps.get(index)
        if before is not None and before.end_sample == gap.start_sample:
            gap = Gap(
                gap.channel,
                before.start_sample,
                before.sample_count + gap.sample_count,
                GapCause.MASKED,
                gap.sample_rate_hz,
            )
        else:
            self._close_gap(index)
        self._masked_gaps[index] = gap
        if gap.sample_count >= _LONGEST_TOLD_S * self._rate_hz:
            self._close_gap(index)

    def _close_gap(self, index: int) -> None:
        gap = self._masked_gaps.pop(index, None)
        if gap is not None:
            self._told.append(gap)

    def _in_ms(self, change: MaskingChanged) -> tuple[bool, str, int, int | None]:
        until = change.until_sample
        return (
            change.masked,
            change.reason,
            samples_to_ms(change.at_sample, self._rate_hz),
            None if until is None else samples_to_ms(until, self._rate_hz),
        )
