"""Load control: what the recogniser sheds, and when it stops shedding. Pure, in the caller's time.

Everything is decided at fixed ticks from what was counted since the last one, so how often somebody looks
does not change what is decided. Two signals: the *delay* of finals (a high percentile of what those of the
last seconds waited and those still waiting have waited so far) and the *share* of the workers' time that went
into finals and into partials. A level is left upwards when it has been too much for a while, and downwards
when the level below would do: for partials that is computed before it is tried, because turning them on to
see what happens is what makes a control swing.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from koemori.models.ports import LoadLevel

TICK_MS: Final = 500
MOST_TICKS: Final = 240
"""Ticks caught up after a silence; whatever the level was, it is NORMAL after two quiet minutes."""
MOST_SAMPLES: Final = 512
FEWEST_SAMPLES: Final = 10
"""A percentile of less counts the missing ones as 0: one slow window is no overload."""
COST_WEIGHT: Final = 0.1


class Work(IntEnum):
    """What a worker's time goes into."""

    FINAL = 0
    PARTIAL = 1
    EARLY = 2
    """A final of a call that asks faster than people speak; it fills idle time and is no load."""


@dataclass(frozen=True, slots=True)
class LoadConfig:
    """Limits of the load control; shares are fractions of all workers' time.

    Attributes:
        min_partial_interval_ms: New speech between two partials when nothing is shed.
        most_partial_interval_ms: The same just before partials are turned off.
        interval_step: Factor between two intervals.
        busy_share: Above it partials come less often.
        room_share: Partials come more often, or come back, when that is expected to stay below it.
        full_share: Above it, with partials as rare as they get, they are turned off.
        large_share: Windows become ordinary again below this share of finals.
        delay_ms: Finals that wait longer make partials rarer; half of it lets them come more often.
        off_delay_ms: Finals that wait longer beside the rarest partials turn partials off.
        large_delay_ms: Finals that wait longer without partials get larger windows.
        shed_delay_ms: Finals that wait longer with large windows are refused; also the delay to which the
            queue is held then.
        percentile: Which part of the finals' delays is meant by the four delays.
        window_ms: How far back delays and refusals count.
        up_after_ms: How long it must be too much before more is shed, and least time between two steps.
        down_after_ms: How long it must be well before less is shed, and least time between two steps.
        most_down_after_ms: To what `down_after_ms` grows, by doubling, when levels come and go.
        smoothing_ms: Time constant of the shares.
        speech_smoothing_ms: Time constant of the amount of speech.
    """

    min_partial_interval_ms: int = 576
    most_partial_interval_ms: int = 3008
    interval_step: float = 1.25
    busy_share: float = 0.85
    room_share: float = 0.8
    full_share: float = 0.92
    large_share: float = 0.7
    delay_ms: float = 400
    off_delay_ms: float = 600
    large_delay_ms: float = 1000
    shed_delay_ms: float = 2000
    percentile: float = 0.8
    window_ms: float = 6000
    up_after_ms: float = 2000
    down_after_ms: float = 6000
    most_down_after_ms: float = 48_000
    smoothing_ms: float = 2000
    speech_smoothing_ms: float = 8000


class LoadControl:
    """See the module.

    Args:
        config: Limits.
        workers: Workers there are.
        waiting_since: Since when each final waits that is due at a time.
    """

    def __init__(
        self, config: LoadConfig, workers: int, waiting_since: Callable[[float], Iterable[float]]
    ) -> None:
        self.level = LoadLevel.NORMAL
        self.partial_interval_ms = config.min_partial_interval_ms
        self.final_cost_ms = 350.0
        """Worker time of one final, lately."""
        self.partial_cost_ms = 150.0
        """Worker time of one partial, lately."""
        self._config = config
        self._workers = workers
        self._waiting_since = waiting_since
        self._clock_ms: float | None = None
        self._next_tick_ms = 0.0
        self._ticks = 0
        self._running = [0, 0, 0]
        self._busy_ms = [0.0, 0.0, 0.0]
        self._share = [0.0, 0.0, 0.0]
        self._spoken_ms = 0.0
        self._speech = 0.0
        self._delay_ms = 0.0
        self._delays: deque[tuple[float, float]] = deque(maxlen=MOST_SAMPLES)
        self._refused_ms = -math.inf
        self._worse_ms = 0.0
        self._better_ms = 0.0
        self._changed_ms = -math.inf
        self._raised_ms = -math.inf
        self._lowered_ms = -math.inf
        self._patience_ms = config.down_after_ms

    @property
    def share(self) -> float:
        """Part of the workers' time that went into finals and partials, lately."""
        return self._share[Work.FINAL] + self._share[Work.PARTIAL]

    @property
    def most_waiting(self) -> int:
        """Finals that may wait while finals are shed, so that the last of them begins in time."""
        return max(self._workers, int(self._workers * self._config.shed_delay_ms / self.final_cost_ms))

    def advance(self, now_ms: float) -> None:
        """Decide what was to be decided until `now_ms`; call it before anything else of that time."""
        if self._clock_ms is None:
            self._clock_ms = now_ms
            self._next_tick_ms = now_ms + TICK_MS
        missed = int((now_ms - self._next_tick_ms) // TICK_MS) - MOST_TICKS
        if missed > 0:
            self._clock_ms = self._next_tick_ms = self._next_tick_ms + missed * TICK_MS
            self._next_tick_ms += TICK_MS
        while self._next_tick_ms <= now_ms:
            self._work_until(self._next_tick_ms)
            self._tick(self._next_tick_ms)
            self._next_tick_ms += TICK_MS
        self._work_until(now_ms)

    def resize(self, workers: int) -> None:
        """Note that there are more or fewer workers."""
        self._workers = workers

    def asked(self, speech_ms: float) -> None:
        """Note a final that was asked for, accepted or not."""
        self._spoken_ms += speech_ms

    def refused(self, now_ms: float) -> None:
        """Note a final that was refused for the sake of the others."""
        self._refused_ms = now_ms

    def began(self, work: Work, delays_ms: Iterable[float], now_ms: float) -> None:
        """Note a batch that a worker begins, and how long each of its windows has waited."""
        self._running[work] += 1
        if work is Work.FINAL:
            self._delays.extend((now_ms, delay_ms) for delay_ms in delays_ms)

    def ended(self, work: Work, windows: int, service_ms: float | None) -> None:
        """Note a batch that a worker has left; `service_ms` is None when it was not finished."""
        self._running[work] -= 1
        if service_ms is None:
            return
        each_ms = max(1.0, service_ms / windows)
        if work is Work.PARTIAL:
            self.partial_cost_ms += COST_WEIGHT * (each_ms - self.partial_cost_ms)
        else:
            self.final_cost_ms += COST_WEIGHT * (each_ms - self.final_cost_ms)

    def _work_until(self, now_ms: float) -> None:
        assert self._clock_ms is not None  # noqa: S101 (set by `advance`)
        for work in Work:
            self._busy_ms[work] += self._running[work] * (now_ms - self._clock_ms)
        self._clock_ms = now_ms

    def _tick(self, now_ms: float) -> None:
        config = self._config
        weight = 1 - math.exp(-TICK_MS / config.smoothing_ms)
        for work in Work:
            share = self._busy_ms[work] / (TICK_MS * max(1, self._workers))
            self._share[work] += weight * (share - self._share[work])
            self._busy_ms[work] = 0.0
        weight = 1 - math.exp(-TICK_MS / config.speech_smoothing_ms)
        self._speech += weight * (self._spoken_ms / TICK_MS - self._speech)
        self._spoken_ms = 0.0
        self._delay_ms = self._measure_delay(now_ms)
        self._ticks += 1
        if self.level <= LoadLevel.PARTIALS_REDUCED and self._ticks % 2:
            self._steer_interval()
        self._steer_level(now_ms)

    def _measure_delay(self, now_ms: float) -> float:
        while self._delays and self._delays[0][0] < now_ms - self._config.window_ms:
            self._delays.popleft()
        delays = [delay_ms for _, delay_ms in self._delays]
        delays.extend(now_ms - since_ms for since_ms in self._waiting_since(now_ms))
        delays.extend([0.0] * (FEWEST_SAMPLES - len(delays)))
        delays.sort()
        return delays[math.ceil(self._config.percentile * len(delays)) - 1]

    def _steer_interval(self) -> None:
        """Partials rarer when it is too much, more often when the workers are expected to bear it."""
        config = self._config
        if self.level is LoadLevel.NORMAL:
            return
        interval_ms = float(self.partial_interval_ms)
        if self._delay_ms > config.large_delay_ms:
            interval_ms = config.most_partial_interval_ms
        elif self.share > config.busy_share or self._delay_ms > config.delay_ms:
            interval_ms *= config.interval_step
        elif self._delay_ms < config.delay_ms / 2:
            expected = self._share[Work.FINAL] + self._share[Work.PARTIAL] * config.interval_step
            if expected < config.room_share:
                interval_ms /= config.interval_step
        self._set_interval(interval_ms)

    def _set_interval(self, interval_ms: float) -> None:
        config = self._config
        self.partial_interval_ms = round(
            min(max(interval_ms, config.min_partial_interval_ms), config.most_partial_interval_ms)
        )

    def _steer_level(self, now_ms: float) -> None:
        config = self._config
        self._worse_ms = self._worse_ms + TICK_MS if self._too_much() else 0.0
        self._better_ms = self._better_ms + TICK_MS if self._well(now_ms) else 0.0
        since_ms = now_ms - self._changed_ms
        if self._worse_ms >= config.up_after_ms and since_ms >= config.up_after_ms:
            self._raise(now_ms)
        elif self._better_ms >= config.down_after_ms and since_ms >= self._patience():
            self._change(LoadLevel(self.level - 1), now_ms)
            self._lowered_ms = now_ms

    def _patience(self) -> float:
        """Time between two steps down; no patience is needed with workers that have nothing to do."""
        config = self._config
        idle = self.share < config.room_share / 4 and self._delay_ms == 0
        return config.down_after_ms if idle else self._patience_ms

    def _raise(self, now_ms: float) -> None:
        config = self._config
        if now_ms - self._lowered_ms < 2 * self._patience_ms:
            self._patience_ms = min(2 * self._patience_ms, config.most_down_after_ms)
        elif now_ms - self._raised_ms > 4 * self._patience_ms:
            self._patience_ms = config.down_after_ms
        self._raised_ms = now_ms
        self._change(LoadLevel(self.level + 1), now_ms)
        if self.level is LoadLevel.PARTIALS_REDUCED:
            self._set_interval(self.partial_interval_ms * config.interval_step)

    def _change(self, level: LoadLevel, now_ms: float) -> None:
        self.level = level
        self._changed_ms = now_ms
        self._worse_ms = self._better_ms = 0.0

    def _too_much(self) -> bool:
        config = self._config
        match self.level:
            case LoadLevel.NORMAL:
                return self.share > config.busy_share or self._delay_ms > config.delay_ms
            case LoadLevel.PARTIALS_REDUCED:
                rarest = self.partial_interval_ms >= config.most_partial_interval_ms
                return rarest and (self.share > config.full_share or self._delay_ms > config.off_delay_ms)
            case LoadLevel.PARTIALS_OFF:
                return self._delay_ms > config.large_delay_ms
            case LoadLevel.LARGE_WINDOWS:
                return self._delay_ms > config.shed_delay_ms
            case LoadLevel.SHEDDING:
                return False

    def _well(self, now_ms: float) -> bool:
        config = self._config
        match self.level:
            case LoadLevel.NORMAL:
                return False
            case LoadLevel.PARTIALS_REDUCED:
                return (
                    self.partial_interval_ms <= config.min_partial_interval_ms
                    and self.share < config.busy_share
                    and self._delay_ms <= config.delay_ms
                )
            case LoadLevel.PARTIALS_OFF:
                return self._delay_ms <= config.delay_ms and self._partials_fit()
            case LoadLevel.LARGE_WINDOWS:
                return self._delay_ms <= config.delay_ms and self._share[Work.FINAL] < config.large_share
            case LoadLevel.SHEDDING:
                quiet = now_ms - self._refused_ms >= config.window_ms
                return quiet and self._delay_ms <= config.large_delay_ms

    def _partials_fit(self) -> bool:
        """Whether the workers would bear the rarest partials beside the finals they do now."""
        config = self._config
        each = self.partial_cost_ms / config.most_partial_interval_ms
        expected = self._share[Work.FINAL] + self._speech * each / max(1, self._workers)
        return expected < config.room_share
