"""One call's questions to the adviser: asked beside the call, answered into its engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from koemori.assist.types import ThirdOpinion
from koemori.server.calls.ports import Adviser
from koemori.server.telemetry import Metrics

if TYPE_CHECKING:
    from koemori.assist.third_opinion import Doubt

_SLACK_S = 0.25
"""Left to answers that come, or are given up, at their deadline."""
_log = logging.getLogger(__name__)


class Consultation:
    """Asks about the doubts of one call, each in a task of its own that its deadline ends.

    Args:
        call_id: For the log.
        adviser: Who is asked; None asks nobody.
        metrics: What is counted.
        tell: Takes an answer to the call's engine.
    """

    def __init__(
        self,
        call_id: str,
        adviser: Adviser | None,
        metrics: Metrics,
        tell: Callable[[ThirdOpinion], Awaitable[object]],
    ) -> None:
        self._call_id = call_id
        self._adviser = adviser
        self._metrics = metrics
        self._tell = tell
        self._asked = 0
        self._running: set[asyncio.Task[None]] = set()

    def about(self, doubts: Iterable[Doubt]) -> None:
        """Ask, as far as the call's allowance goes; returns at once."""
        if self._adviser is None:
            return
        for doubt in doubts:
            if self._asked >= self._adviser.most_per_call:
                self._metrics.third_opinion.labels("spent").inc()
                continue
            self._asked += 1
            task = asyncio.create_task(self._ask(self._adviser, doubt), name=f"opinion-{self._call_id}")
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def finish(self) -> None:
        """The call is over: what is under way may still come until its deadline; the rest is given up."""
        if self._adviser is not None and self._running:
            await asyncio.wait(self._running, timeout=self._adviser.deadline_s + _SLACK_S)
        given_up = tuple(self._running)
        for task in given_up:
            task.cancel()
        if given_up:
            await asyncio.wait(given_up, timeout=_SLACK_S)

    async def _ask(self, adviser: Adviser, doubt: Doubt) -> None:
        try:
            answer = await adviser.ask(self._call_id, doubt)
            if answer is not None:
                await self._tell(answer)
        except Exception as error:  # the task's edge: the call goes on without this answer
            _log.error(
                "third opinion failed", extra={"call_id": self._call_id, "error": type(error).__name__}
            )
