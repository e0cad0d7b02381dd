"""What goes into the scheduler and comes out of it, and the queue of finals."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from koemori.audio.call import CallId
from koemori.models.load import LoadConfig
from koemori.models.ports import Effort, TranscriptionRequest

SAMPLES_PER_MS: Final = 16

ChannelKey = tuple[CallId, int]
_Place = tuple[int, float, int]
"""Order of finals: given back or not, deadline, number."""


@dataclass(frozen=True, slots=True)
class SchedulerConfig:
    """Bounds and budgets of a scheduler.

    Attributes:
        workers: Workers that take batches.
        batch_size: Windows a worker may take at once.
        batch_wait_ms: How long a batch that is not full is held for late comers; 0 holds none.
        full_batch: Largest batch of finals that is decoded with full effort when nothing else is due.
        final_budget_ms: Time a final may wait; gives its deadline.
        partial_budget_ms: Time after which a partial does not matter any more.
        most_finals: Finals that may wait. A call may hold as many of them as there are places left, so that
            there is always a place for another call.
        most_partials: Partials that may wait, one per channel.
        pace: Time that a second of speech in a final stands for; below 1, since calls catch up.
        burst_ms: How far a call may be ahead of that pace before its finals count as early.
        least_window_ms: Shortest window that a recogniser encodes.
        window_tail_ms: What a recogniser adds to longer audio.
        most_padding: Longest window of a batch in relation to its shortest, both as encoded.
        load: Limits of the load control.
    """

    workers: int
    batch_size: int = 1
    batch_wait_ms: float = 0
    full_batch: int = 1
    final_budget_ms: float = 1000
    partial_budget_ms: float = 1500
    most_finals: int = 256
    most_partials: int = 256
    pace: float = 0.5
    burst_ms: float = 10_000
    least_window_ms: float = 6000
    window_tail_ms: float = 1000
    most_padding: float = 1.5
    load: LoadConfig = field(default_factory=LoadConfig)


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """An accepted request.

    Attributes:
        job_id: Unique in its scheduler; later requests have higher ones.
        submitted_ms: When it was accepted.
        release_ms: When it is due: then, or later for a call that asks faster than people speak.
        deadline_ms: When it should have begun; a partial is dropped then.
    """

    job_id: int
    request: TranscriptionRequest
    submitted_ms: float
    release_ms: float
    deadline_ms: float

    @property
    def channel(self) -> ChannelKey:
        """Whose words it asks for: call and channel index."""
        return channel_of(self.request)

    @property
    def length_ms(self) -> float:
        """Length of the window's audio."""
        return length_of(self.request)


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a request: its job, and the partials that it made superfluous."""

    job: Job
    dropped: tuple[Job, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Windows for one worker, all finals (asked in advance or not) or all partials."""

    jobs: tuple[Job, ...]
    effort: Effort


def channel_of(request: TranscriptionRequest) -> ChannelKey:
    """Call and channel index of a request."""
    channel = request.segment.channel
    return channel.call_id, channel.index


def length_of(request: TranscriptionRequest) -> float:
    """Milliseconds of audio in a request."""
    return len(request.segment.samples) / SAMPLES_PER_MS


class FinalQueue:
    """Waiting finals by deadline; those given back before all others."""

    def __init__(self) -> None:
        self._entries: list[tuple[_Place, Job]] = []
        self._places: dict[int, _Place] = {}
        self._of_call: Counter[CallId] = Counter()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Job]:
        return (job for _, job in self._entries)

    def __contains__(self, job: Job) -> bool:
        return job.job_id in self._places

    def put(self, job: Job, *, given_back: bool = False) -> None:
        """Add a job."""
        place = (0 if given_back else 1, job.deadline_ms, job.job_id)
        insort(self._entries, (place, job), key=_place)
        self._places[job.job_id] = place
        self._of_call[job.channel[0]] += 1

    def remove(self, job: Job) -> None:
        """Take out a job that waits."""
        place = self._places.pop(job.job_id)
        del self._entries[bisect_left(self._entries, place, key=_place)]
        call_id = job.channel[0]
        self._of_call[call_id] -= 1
        if not self._of_call[call_id]:
            del self._of_call[call_id]

    def of_call(self, call_id: CallId) -> int:
        """How many wait of a call."""
        return self._of_call[call_id]

    def given_back(self, job: Job) -> bool:
        """Whether a job waits that has begun before."""
        return self._places.get(job.job_id, (1,))[0] == 0

    def until(self, deadline_ms: float) -> int:
        """How many at the front have a deadline up to this one or were given back."""
        latest = (1, deadline_ms, 1 << 62)
        return bisect_right(self._entries, latest, key=_place)


def alike(jobs: Iterable[Job], most: int, config: SchedulerConfig, finals: FinalQueue) -> tuple[Job, ...]:
    """Choose the first job and those after it that cost little more beside it.

    All are padded to the longest. A channel of which one job was passed over has its later ones passed over
    too, and a job that was given back stays alone.
    """
    rest = iter(jobs)
    first = next(rest)
    if most <= 1 or finals.given_back(first):
        return (first,)
    taken, passed = [first], set[ChannelKey]()
    shortest = longest = _encoded_ms(first, config)
    for job in rest:
        length_ms = _encoded_ms(job, config)
        low, high = min(shortest, length_ms), max(longest, length_ms)
        if job.channel in passed or finals.given_back(job) or high > config.most_padding * low:
            passed.add(job.channel)
            continue
        shortest, longest = low, high
        taken.append(job)
        if len(taken) == most:
            break
    return tuple(taken)


def _encoded_ms(job: Job, config: SchedulerConfig) -> float:
    return max(config.least_window_ms, job.length_ms + config.window_tail_ms)


def _place(entry: tuple[_Place, Job]) -> _Place:
    return entry[0]
