"""Tags of a case, for counts and trends, and whether a record of the call has to be kept, with the reason.

The rules are data (`tags.toml`). A tag names the utterances it came from, as everything in a case does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from koemori.assist.phrases import fold
from koemori.assist.playbooks.tag_rules import RecordRule, TagRule, TagRules
from koemori.assist.types import CaseTag, Category, FieldValue, Heard, RecordKeeping
from koemori.audio.call import ChannelRole

OTHER: Final = "other"
_OTHER_LABEL: Final = "その他"
_FIELDS: Final = {"demand_type": "demand", "product_group": "product", "cause": "about_what"}
_MOST: Final = 3
Ids = tuple[str, ...]
"""Ids of utterances, in the order of the call, each once."""


class Tagger:
    """Collects the words of one call and tags its case."""

    def __init__(self, rules: TagRules) -> None:
        self._rules = rules
        self._customer: list[tuple[str, str]] = []

    def observe(self, heard: Heard) -> None:
        """Keep what the customer said, folded."""
        if heard.speaker is not ChannelRole.AGENT:
            self._customer.append((heard.utterance_id, fold(heard.text).text))

    def tags(
        self, fields: Mapping[str, FieldValue], categories: Mapping[Category, Ids], *, complaint: bool
    ) -> tuple[CaseTag, ...]:
        """The tags of a case, by kind in the order of the file; a kind that nothing fits is `other`.

        A call without a complaint has no cause. `categories` are those of harassment that were found, each
        with the ids of the utterances that show it.
        """
        found: list[CaseTag] = []
        for kind, field in _FIELDS.items():
            value = fields.get(field)
            if value is None or not value.value or (kind == "cause" and not complaint):
                continue
            rules = [rule for rule in self._rules.tags if rule.kind == kind]
            of_kind = [tag for rule in rules if (tag := self._tag(rule, value)) is not None]
            other = CaseTag(kind, OTHER, _OTHER_LABEL, value.utterance_ids)
            found += of_kind[:_MOST] or ([other] if rules else [])
        found += [
            CaseTag(rule.kind, rule.id, rule.label, joined(categories[one] for one in shown))
            for rule in self._rules.tags
            if (shown := [one for one in categories if one in rule.categories])
        ]
        return tuple(found)

    def _tag(self, rule: TagRule, value: FieldValue) -> CaseTag | None:
        """By the field's words; a cause also by what the customer said elsewhere."""
        if _fits(rule, fold(value.value).text):
            return CaseTag(rule.kind, rule.id, rule.label, value.utterance_ids)
        said = tuple(name for name, text in self._customer if _fits(rule, text))
        if rule.kind == "cause" and len(said) > 1:
            return CaseTag(rule.kind, rule.id, rule.label, said)
        return None

    def record_keeping(
        self, *, harassment: Ids | None, complaint: Ids | None, promise: Ids | None
    ) -> RecordKeeping | None:
        """The first criterion that fits, those for keeping before those against; None: undecided.

        Each argument holds the ids of the utterances that show it, as far as words do; None where it is not.
        """
        known = {"harassment": harassment, "complaint": complaint, "promise": promise}
        for rule in sorted(self._rules.records, key=lambda rule: not rule.keep):
            ids = (self._said(rule) or None) if rule.when == "words" else known.get(rule.when)
            if ids is not None:
                return RecordKeeping(rule.keep, rule.id, rule.reason, ids)
        return None

    def _said(self, rule: RecordRule) -> tuple[str, ...]:
        """Only the customer's words say what a call is about; agents speak of hours in every second one."""
        return tuple(name for name, text in self._customer if _fits(rule, text))


def joined(groups: Iterable[Ids]) -> Ids:
    """All ids of the groups, each once."""
    return tuple(dict.fromkeys(one for group in groups for one in group))


def _fits(rule: TagRule | RecordRule, folded: str) -> bool:
    return any(pattern.search(folded) for pattern in rule.any)
