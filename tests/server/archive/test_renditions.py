"""Renditions are made once, one at a time, and go when there are too many."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from koemori.server.archive.errors import RenditionBusyError
from koemori.server.archive.renditions import MOST_WAITING, OpenRendition, Renditions

pytestmark = pytest.mark.unit


def writing(content: bytes, made: list[bytes]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        made.append(content)
        path.write_bytes(content)

    return make


def read(opened: OpenRendition) -> bytes:
    return b"".join(opened.chunks(0, opened.size_bytes - 1))


def test_one_is_made_once_and_read_in_ranges() -> None:
    renditions, made = Renditions(), list[bytes]()
    assert read(renditions.open("a", writing(b"0123456789", made))) == b"0123456789"
    opened = renditions.open("a", writing(b"other", made))
    assert b"".join(opened.chunks(2, 4)) == b"234"
    assert made == [b"0123456789"]
    renditions.close()


def test_what_was_read_least_lately_goes_first_and_not_from_under_a_reader() -> None:
    renditions, made = Renditions(most_kept=2), list[bytes]()
    reading = renditions.open("a", writing(b"aaa", made))
    for key in ("b", "a", "c"):
        renditions.open(key, writing(key.encode(), made)).close()
    assert made == [b"aaa", b"b", b"c"]
    renditions.open("b", writing(b"b", made)).close()
    assert made == [b"aaa", b"b", b"c", b"b"], "b was read least lately"
    assert read(reading) == b"aaa"
    renditions.close()


def test_all_together_stay_below_a_size_and_the_newest_stays() -> None:
    renditions, made = Renditions(most_bytes=5), list[bytes]()
    for key in ("a", "b", "b", "a"):
        renditions.open(key, writing(key.encode() * 4, made)).close()
    assert made == [b"aaaa", b"bbbb", b"aaaa"]
    renditions.close()


def test_one_is_made_at_a_time_for_all_who_wait_and_no_more_wait_than_may() -> None:
    renditions, made = Renditions(), list[bytes]()
    begun, go_on = threading.Event(), threading.Event()

    def slow(path: Path) -> None:
        begun.set()
        assert go_on.wait(10)
        writing(b"a", made)(path)

    with ThreadPoolExecutor(MOST_WAITING) as pool:
        waiting = [pool.submit(lambda: read(renditions.open("a", slow))) for _ in range(MOST_WAITING)]
        assert begun.wait(10)
        while renditions._waiting._value:  # until all of them wait
            pass
        with pytest.raises(RenditionBusyError, match="wait"):
            renditions.open("b", writing(b"b", made))
        go_on.set()
        assert [future.result(10) for future in waiting] == [b"a"] * MOST_WAITING
    assert made == [b"a"]
    renditions.close()


def test_one_that_fails_is_not_kept() -> None:
    renditions, made = Renditions(), list[bytes]()

    def fail(path: Path) -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        renditions.open("a", fail)
    assert read(renditions.open("a", writing(b"a", made))) == b"a"
    renditions.close()
