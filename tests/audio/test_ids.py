"""Identifiers: ULIDs that sort by time and survive the way to disk."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.audio.errors import JournalError
from koemori.audio.ids import bytes_to_call_id, id_to_bytes, new_call_id, new_recording_id

pytestmark = pytest.mark.unit


@given(st.binary(min_size=16, max_size=16).filter(lambda raw: raw[0] < 0x40))
def test_bytes_and_text_are_the_same_id(raw: bytes) -> None:
    assert id_to_bytes(bytes_to_call_id(raw)) == raw


def test_ids_sort_by_time() -> None:
    early, late = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    assert new_call_id(early) < new_call_id(late) < new_call_id()
    assert new_recording_id(early) < new_recording_id(late)


@given(st.text(max_size=25) | st.text(min_size=27, max_size=30) | st.text("8U@", min_size=26, max_size=26))
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(JournalError, match="26 ULID characters"):
        id_to_bytes(text)


def test_another_spelling_of_the_same_ulid_is_refused() -> None:
    with pytest.raises(JournalError, match="26 ULID characters"):
        id_to_bytes(new_call_id().lower())
