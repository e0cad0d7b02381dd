"""Rules that tag a case for counts and trends, and the criteria for keeping a record of it (`tags.toml`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from koemori.assist.playbooks.toml_table import Table
from koemori.assist.types import Category

WORD_KINDS: Final = ("demand_type", "cause", "product_group")
RECORD_REASONS: Final = ("harassment", "complaint", "promise", "words")


@dataclass(frozen=True, slots=True)
class TagRule:
    """One tag and the words, or the categories of harassment, that earn it."""

    kind: str
    id: str
    label: str
    any: tuple[re.Pattern[str], ...]
    categories: tuple[Category, ...]
    version: int
    source: str


@dataclass(frozen=True, slots=True)
class RecordRule:
    """One criterion of what has to be kept on record."""

    id: str
    label: str
    keep: bool
    reason: str
    when: str
    """`harassment`, `complaint`, `promise`, or `words` that fit `any`."""
    any: tuple[re.Pattern[str], ...]
    version: int
    source: str


@dataclass(frozen=True, slots=True)
class TagRules:
    """All of them, in the order of the file."""

    tags: tuple[TagRule, ...] = ()
    records: tuple[RecordRule, ...] = ()


def read_tags(document: Table) -> TagRules:
    """The rules of `tags.toml`.

    Raises:
        PlaybookError: a table does not fit, unless the document collects refusals.
    """
    tags = [_read_tag(kind, table) for kind in WORD_KINDS for table in document.tables(kind)]
    tags += [_read_tag("ministry", table) for table in document.tables("ministry")]
    records = [_read_record(table) for table in document.tables("record")]
    document.done()
    return TagRules(tuple(tags), tuple(records))


def _read_tag(kind: str, table: Table) -> TagRule:
    by_words = kind in WORD_KINDS
    categories = () if by_words else table.choices("categories", Category, required=True)
    rule = TagRule(
        kind=kind,
        id=table.identifier(),
        label=table.text("label"),
        any=table.patterns("any", required=True) if by_words else (),
        categories=tuple(Category(name) for name in categories),
        version=table.integer("version", 1, low=1),
        source=table.text("source"),
    )
    table.done()
    return rule


def _read_record(table: Table) -> RecordRule:
    when = table.choice("when", RECORD_REASONS)
    rule = RecordRule(
        id=table.identifier(),
        label=table.text("label"),
        keep=table.boolean("keep", True),
        reason=table.text("reason"),
        when=when,
        any=table.patterns("any", required=when == "words"),
        version=table.integer("version", 1, low=1),
        source=table.text("source"),
    )
    table.done()
    return rule
