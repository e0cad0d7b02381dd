"""Whose voice is it, the agent's or the customer's? Told by what each voice of a channel says. Pure.

A diarizer tells voices apart and names them; what they are to each other only their words tell: who greets
in the firm's name, asks for a number and speaks humbly is the agent. The signs and their weights stand in
`voice_roles.toml`. Until one voice is far likelier than every other, nobody is said to be anybody; once
said, it stays: half a call must not change sides because a customer turned polite.
"""

from __future__ import annotations

import math
import re
import tomllib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from koemori.assist.errors import PlaybookError
from koemori.audio.call import ChannelRole

BUILT_IN: Final = Path(__file__).with_name("voice_roles.toml")
MOST_VOICES: Final = 8
"""Voices of a channel that are told apart here; further ones stay unknown."""
MOST_KEPT: Final = 512
"""Utterances whose voices may still be found to be others; older ones count as they stand."""


@dataclass(frozen=True, slots=True)
class Sign:
    """Something one says that tells who one is; `weight` is a natural logarithm of odds for the agent."""

    id: str
    weight: float
    heard: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class RoleRules:
    """What tells the agent's voice from the customer's; `voice_roles.toml` explains each number.

    Attributes:
        id: Of the file, with `version` and `source`.
        least_probability: In (0.5, 1).
        least_signs: Different ones, at least 1.
        most_times: That a sign counts for one voice, at least 1.
    """

    id: str
    version: str
    source: str
    least_probability: float
    least_signs: int
    most_times: int
    signs: tuple[Sign, ...]


class VoiceRoles:
    """The voices of one channel and what each has said so far.

    Args:
        rules: As `load_role_rules` gives them.
    """

    def __init__(self, rules: RoleRules) -> None:
        self._rules = rules
        self._said: dict[str, tuple[tuple[str, str], ...]] = {}
        """Parts of each utterance that counts: voice and text."""
        self._times: dict[str, Counter[str]] = defaultdict(Counter)
        self._agent: str | None = None
        self._customers: set[str] = set()

    def hear(self, utterance_id: str, parts: Sequence[tuple[str, str]]) -> bool:
        """Take what voices said in an utterance; what was taken of the same utterance before is forgotten.

        Args:
            utterance_id: Unique on the channel.
            parts: Voice and text, in order.

        Returns:
            Whether a voice's role became sure by it.
        """
        for voice, text in self._said.pop(utterance_id, ()):
            self._times[voice].subtract(self._signs(text))
        parts = tuple(part for part in parts if part[0] in self._times or len(self._times) < MOST_VOICES)
        for voice, text in parts:
            self._times[voice].update(self._signs(text))
        self._said[utterance_id] = parts
        if len(self._said) > MOST_KEPT:
            del self._said[next(iter(self._said))]
        return self._decide()

    def role_of(self, voice: str) -> ChannelRole:
        """Whose voice it is, once that is sure; it stays so."""
        if voice == self._agent:
            return ChannelRole.AGENT
        return ChannelRole.CUSTOMER if voice in self._customers else ChannelRole.UNKNOWN

    def probability(self, voice: str) -> float:
        """That the voice is the agent's, by what was said up to now, in [0, 1]."""
        others = [self._weight(other) for other in self._times if other != voice]
        return 1 / (1 + math.exp(max(others, default=0.0) - self._weight(voice)))

    def _decide(self) -> bool:
        rules, before = self._rules, (self._agent, len(self._customers))
        if self._agent is None and self._times:
            likeliest = max(self._times, key=self._weight)
            signs = sum(1 for sign in rules.signs if sign.weight > 0 and self._times[likeliest][sign.id] > 0)
            if signs >= rules.least_signs and self.probability(likeliest) >= rules.least_probability:
                self._agent = likeliest
        if self._agent is not None:
            margin = math.log(rules.least_probability / (1 - rules.least_probability))
            most = self._weight(self._agent) - margin
            self._customers |= {
                voice for voice in self._times if voice != self._agent and self._weight(voice) <= most
            }
        return (self._agent, len(self._customers)) != before

    def _signs(self, text: str) -> Counter[str]:
        plain = unicodedata.normalize("NFKC", text)
        return Counter(
            {sign.id: found for sign in self._rules.signs if (found := len(sign.heard.findall(plain)))}
        )

    def _weight(self, voice: str) -> float:
        times = self._times.get(voice, Counter[str]())
        return sum(sign.weight * min(times[sign.id], self._rules.most_times) for sign in self._rules.signs)


@lru_cache(maxsize=4)
def load_role_rules(file: Path = BUILT_IN) -> RoleRules:
    """The rules, read once.

    Raises:
        PlaybookError: The file does not fit.
    """
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
        rules = RoleRules(
            id=str(read["id"]),
            version=str(read["version"]),
            source=str(read["source"]),
            least_probability=float(read["least_probability"]),
            least_signs=int(read["least_signs"]),
            most_times=int(read["most_times"]),
            signs=tuple(_sign(row) for row in read["sign"]),
        )
    except (OSError, ValueError, KeyError, TypeError, re.error) as error:
        expected = "the keys and kinds of values of the built-in file"
        raise PlaybookError(file.name, None, expected, f"{type(error).__name__} {error}") from None
    if not 0.5 < rules.least_probability < 1 or rules.least_signs < 1 or rules.most_times < 1:
        expected = "a probability above 0.5 and below 1, and counts of at least 1"
        came = f"{rules.least_probability}, {rules.least_signs} and {rules.most_times}"
        raise PlaybookError(file.name, None, expected, came)
    return rules


def _sign(row: dict[str, Any]) -> Sign:
    return Sign(str(row["id"]), float(row["weight"]), re.compile("|".join(row["heard"])))
