"""Personal data in one utterance."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from koemori.assist.redaction.addresses import address_spans, email_spans
from koemori.assist.redaction.dates import date_spans
from koemori.assist.redaction.names import name_spans
from koemori.assist.redaction.numbers import number_spans
from koemori.assist.redaction.spans import PersonalData, Span, masked, merged


def personal_spans(
    text: str,
    asked: Collection[PersonalData] = (),
    known_digits: Mapping[str, PersonalData] | None = None,
) -> list[Span]:
    """Personal data in `text`, in order and apart.

    Args:
        text: One utterance.
        asked: What was asked for just before; more is believed then.
        known_digits: Numbers known to be personal, and of which kind.
    """
    return merged(
        [
            *email_spans(text, asked),
            *address_spans(text, asked),
            *date_spans(text, asked),
            *number_spans(text, asked, known_digits or {}),
            *name_spans(text, asked),
        ]
    )


def redacted(text: str) -> str:
    """`text` with every personal span replaced by what kind of data it was."""
    return masked(text, personal_spans(text))
