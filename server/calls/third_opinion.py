"""Asking a language model for a third opinion, over the chat API that OpenAI made common.

Best effort under every circumstance: a deadline that counts from the doubt, a bounded line in which the
newest go first, a pause after failures, a cap on what is read, no redirects. Nothing that was said, asked or
answered goes into a log or a metric.

Source: OpenAI API reference, "Create chat completion"; vLLM, llama.cpp and Ollama serve the same form.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from koemori.assist.third_opinion import Doubt, Policy, load_policy, messages, read_answer
from koemori.assist.types import ThirdOpinion, Verdict
from koemori.server.config import Settings, ThirdOpinionSettings
from koemori.server.telemetry import Metrics

if TYPE_CHECKING:
    import httpx

_log = logging.getLogger(__name__)
MOST_ANSWER_BYTES: Final = 64_000
MOST_WAITING: Final = 16
"""Doubts of all calls that wait for a request to end; beyond, the oldest is given up."""
_FAILURES: Final = 3
_PAUSE_S: Final = 60.0


class UnusableAnswerError(Exception):
    """An answer that is no chat completion; `reason` is a word for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Breaker:
    """Pauses after three failures in a row; after the pause, the first failure pauses again. Pure."""

    def __init__(self) -> None:
        self._failures = 0
        self._until_s = float("-inf")

    def pauses(self, now_s: float) -> bool:
        """Whether nobody should be asked now."""
        return now_s < self._until_s

    def succeeded(self) -> None:
        """An answer came."""
        self._failures = 0

    def failed(self, now_s: float) -> bool:
        """No answer came; True when that begins a pause."""
        self._failures += 1
        if self._failures < _FAILURES or self.pauses(now_s):
            return False
        self._until_s = now_s + _PAUSE_S
        return True


class NewestFirst:
    """Lets so many through at once; of those who wait, the newest goes first and the oldest gives way."""

    def __init__(self, most: int, most_waiting: int = MOST_WAITING) -> None:
        self._free = most
        self._most_waiting = most_waiting
        self._waiting: deque[asyncio.Future[bool]] = deque()

    async def enter(self) -> bool:
        """Wait for one's turn; False when newer ones took it. After True, `leave` must be called."""
        if self._free:
            self._free -= 1
            return True
        place: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        if len(self._waiting) > self._most_waiting:
            oldest = self._waiting.popleft()
            if not oldest.done():
                oldest.set_result(False)
        try:
            return await place
        except asyncio.CancelledError:
            if place in self._waiting:
                self._waiting.remove(place)
            elif not place.cancelled() and place.result():
                self.leave()
            raise

    def leave(self) -> None:
        """Let the next one in."""
        while self._waiting:
            place = self._waiting.pop()
            if not place.done():
                place.set_result(True)
                return
        self._free += 1


class ChatAdviser:
    """The adviser behind a chat endpoint; belongs to one event loop. Opens no connection before it is asked.

    Args:
        settings: With a `url`.
        policy: What is asked and which answers are believed.
        metrics: What is counted.
        monotonic: Seconds of a clock that never goes back.

    Raises:
        SettingsError: The file with the key cannot be read.
    """

    def __init__(
        self,
        settings: ThirdOpinionSettings,
        policy: Policy,
        metrics: Metrics,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._policy = policy
        self._metrics = metrics
        self._monotonic = monotonic
        self._client = client_of(settings, 2 * settings.deadline_ms / 1000)
        self._line = NewestFirst(settings.most_at_once)
        self._breaker = Breaker()

    @property
    def policy(self) -> Policy:
        """What is doubted and asked."""
        return self._policy

    @property
    def most_per_call(self) -> int:
        """See `Adviser`."""
        return self._settings.most_per_call

    @property
    def deadline_s(self) -> float:
        """See `Adviser`."""
        return self._settings.deadline_ms / 1000

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def ask(self, call_id: str, doubt: Doubt) -> ThirdOpinion | None:
        """See `Adviser`."""
        answer = None
        begun = asyncio.Event()
        try:
            async with asyncio.timeout(self.deadline_s):
                outcome, answer = await self._in_turn(call_id, doubt, begun)
        except TimeoutError:
            outcome = "expired"
            if begun.is_set():
                outcome = "late"
                self._failed(call_id, outcome)
        self._metrics.third_opinion.labels(outcome).inc()
        return answer

    async def _in_turn(
        self, call_id: str, doubt: Doubt, begun: asyncio.Event
    ) -> tuple[str, ThirdOpinion | None]:
        """Ask when it is this doubt's turn; `begun` is set once the service is asked."""
        if self._breaker.pauses(self._monotonic()):
            return "paused", None
        if not await self._line.enter():
            return "dropped", None
        try:
            if self._breaker.pauses(self._monotonic()):
                return "paused", None
            begun.set()
            return await self._asked(call_id, doubt)
        finally:
            self._line.leave()

    async def _asked(self, call_id: str, doubt: Doubt) -> tuple[str, ThirdOpinion | None]:
        import httpx

        begun_s = self._monotonic()
        try:
            content = await self._completion(doubt)
        except (httpx.HTTPError, httpx.StreamError) as error:
            self._failed(call_id, type(error).__name__)
            return "failed", None
        except UnusableAnswerError as error:
            self._failed(call_id, error.reason)
            return "failed", None
        finally:
            self._metrics.third_opinion_seconds.observe(self._monotonic() - begun_s)
        said = read_answer(self._policy, content)
        if said is None:
            self._failed(call_id, "no-verdict")
            return "unreadable", None
        self._breaker.succeeded()
        opinion = ThirdOpinion(
            doubt.at_ms, doubt.doubt_id, said.verdict, said.category, said.reason, self._settings.model
        )
        return said.verdict.value, None if said.verdict is Verdict.UNSURE else opinion

    async def _completion(self, doubt: Doubt) -> str:
        body = {
            "model": self._settings.model,
            "messages": messages(self._policy, doubt),
            "temperature": 0,
            "max_tokens": self._policy.most_tokens,
            "response_format": {"type": "json_object"},
            "stream": False,
        }
        async with self._client.stream("POST", "chat/completions", json=body) as response:
            if response.status_code != 200:
                raise UnusableAnswerError(f"status-{response.status_code}")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise UnusableAnswerError("compressed")
            read = bytearray()
            async for part in response.aiter_raw():
                read += part
                if len(read) > MOST_ANSWER_BYTES:
                    raise UnusableAnswerError("oversize")
        return _content(bytes(read))

    def _failed(self, call_id: str, reason: str) -> None:
        _log.warning("no third opinion", extra={"call_id": call_id, "reason": reason})
        if self._breaker.failed(self._monotonic()):
            _log.warning("nobody is asked for a third opinion for a while", extra={"pause_s": _PAUSE_S})


def client_of(settings: ThirdOpinionSettings, timeout_s: float) -> httpx.AsyncClient:
    """A client for the endpoint: certificates are checked; no redirects, no proxy of the environment."""
    import httpx

    key = settings.key()
    headers = {"Accept-Encoding": "identity", "User-Agent": "koemori"}
    return httpx.AsyncClient(
        base_url=str(settings.url),
        headers=headers if key is None else {**headers, "Authorization": f"Bearer {key}"},
        verify=ssl.create_default_context(),
        follow_redirects=False,
        trust_env=False,
        timeout=timeout_s,
        limits=httpx.Limits(max_connections=settings.most_at_once),
    )


def open_adviser(settings: Settings, metrics: Metrics) -> ChatAdviser | None:
    """The adviser that the settings name; None when they name none.

    Raises:
        SettingsError: The file with the key cannot be read.
        OpinionError: The policy does not fit.
    """
    if settings.assist.third_opinion.url is None:
        return None
    return ChatAdviser(settings.assist.third_opinion, load_policy(), metrics)


def _content(body: bytes) -> str:
    try:
        said: Any = json.loads(body)
        content = said["choices"][0]["message"]["content"]
    except (ValueError, RecursionError, KeyError, IndexError, TypeError):
        raise UnusableAnswerError("no-completion") from None
    if not isinstance(content, str):
        raise UnusableAnswerError("no-completion")
    return content
