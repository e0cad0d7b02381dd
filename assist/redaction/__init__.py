"""Personal data in what was said, found and masked: for search previews, exports and reuse.

Finds names of persons, phone numbers, payment cards, order and customer numbers, post codes, street
addresses, e-mail addresses and dates of birth. `Redactor` follows a call and knows what was asked for;
`personal_spans` sees one text alone and finds less. A rare name that nothing introduces can stay: how much is
found is measured (`measured`), and whoever needs certainty must have a person look as well.
"""

from __future__ import annotations

from koemori.assist.redaction.audible import (
    MARGIN_MS,
    UNHEARD,
    AudioSpan,
    Said,
    audible_spans,
    unheard_spans,
)
from koemori.assist.redaction.finding import personal_spans, redacted
from koemori.assist.redaction.measured import Measured, measured
from koemori.assist.redaction.spans import (
    MASKS,
    REDACTOR_VERSION,
    HeardSpan,
    PersonalData,
    Span,
    masked,
    merged,
)
from koemori.assist.redaction.stream import Redactor

__all__ = [
    "MARGIN_MS",
    "MASKS",
    "REDACTOR_VERSION",
    "UNHEARD",
    "AudioSpan",
    "HeardSpan",
    "Measured",
    "PersonalData",
    "Redactor",
    "Said",
    "Span",
    "audible_spans",
    "masked",
    "measured",
    "merged",
    "personal_spans",
    "redacted",
    "unheard_spans",
]
