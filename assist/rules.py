"""Running the lexicon's rules over one utterance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from koemori.assist.language import views
from koemori.assist.matching import Matcher, Pattern, Span
from koemori.assist.playbooks.lexicon import Guard, Lexicon, Rule
from koemori.assist.types import Category

_IN_ORDINARY_TALK: Final = frozenset({Category.VERBAL_ABUSE, Category.VIOLENCE, Category.INTIMIDATION})
"""Categories whose hard words also turn up in plain reports and orders (a broken bone, a dented wall)."""


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """A rule that fits an utterance, with the exact words."""

    rule: Rule
    quote: str
    start: int


class Utterance:
    """One utterance ready to be searched: as said and, where it holds fillers, without them."""

    def __init__(self, text: str, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._matchers = tuple(Matcher(view, lexicon.index) for view in views(text))

    def matches(self, rules: Iterable[Rule]) -> list[RuleMatch]:
        """The rules that fit, each with its first unguarded place."""
        found: list[RuleMatch] = []
        for rule in rules:
            match = self._match(rule)
            if match is not None:
                found.append(match)
        if any(m.rule.category in _IN_ORDINARY_TALK for m in found) and self._is_ordinary():
            found = [m for m in found if m.rule.category not in _IN_ORDINARY_TALK]
        return found

    def _is_ordinary(self) -> bool:
        """Whether the lexicon sees an order, a report or thanks that aims at nobody."""
        topics = self._lexicon.topics
        return (
            self.says(topics.get("ordinary_frame", ())) is not None
            and self.says(topics.get("aimed", ())) is None
        )

    def says(self, patterns: Sequence[Pattern]) -> str | None:
        """The words of the first pattern found, or None."""
        for matcher in self._matchers:
            for pattern in patterns:
                for start, end in matcher.find(pattern):
                    return matcher.analysis.quote(start, end)
        return None

    def _match(self, rule: Rule) -> RuleMatch | None:
        for matcher in self._matchers:
            for pattern in filter(matcher.may_hold, rule.patterns):
                for start, end in matcher.find(pattern):
                    if any(matcher.find(other) for other in rule.unless):
                        return None
                    if not any(_guarded(matcher, (start, end), guard) for guard in rule.guards):
                        return RuleMatch(rule, matcher.analysis.quote(start, end), start)
        return None


@lru_cache(maxsize=64)
def utterance(text: str, lexicon: Lexicon) -> Utterance:
    """The searchable form of a text; shared by the detectors that look at it one after the other."""
    return Utterance(text, lexicon)


def _guarded(matcher: Matcher, span: Span, guard: Guard) -> bool:
    start, end = span
    if any(matcher.find(pattern) for pattern in guard.anywhere):
        return True
    earliest = start + 1 if guard.inside else end - 2
    for pattern in guard.after:
        for s, e in matcher.find(pattern):
            if earliest <= s <= end + guard.reach and (guard.inside or e > end):
                return True
    return any(
        start - guard.reach <= e <= start + 1 and s < start
        for pattern in guard.before
        for s, e in matcher.find(pattern)
    )
