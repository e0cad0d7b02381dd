"""Which playbook is in force: checked before, kept before, and the old one stays when the new one is bad."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from koemori.assist.errors import PlaybookError
from koemori.assist.playbooks.schema import Playbook
from koemori.server.playbooks import PlaybookRefusedError, Playbooks

from tests.fakes.playbooks import OURS, OURS_FILE, own_playbook, write

pytestmark = pytest.mark.unit

CHANGED = OURS.replace("version = 3", "version = 4")
BAD = OURS.replace('examples = ["ヨウツベに', 'examples = ["どこかに')


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return own_playbook(tmp_path)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 -- a thread reads files; there is no event to wait for
            await asyncio.sleep(0.01)


def test_it_is_read_once_and_the_languages_share_what_detects(directory: Path) -> None:
    playbooks = Playbooks(directory)
    assert playbooks.version is None
    japanese = playbooks.get("ja")
    assert playbooks.get("ja") is japanese
    assert playbooks.get("en").lexicon is japanese.lexicon
    assert playbooks.get("en").ladder != japanese.ladder
    assert playbooks.get("fr") is japanese
    assert playbooks.version == japanese.version


def test_nothing_to_begin_with_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PlaybookError, match="a folder ja/"):
        Playbooks(tmp_path).get("ja")


def test_a_changed_rule_comes_into_force_and_whoever_has_the_old_one_keeps_it(directory: Path) -> None:
    playbooks = Playbooks(directory)
    old = playbooks.get("ja")
    write(directory, OURS_FILE, CHANGED)
    done = playbooks.reload()
    assert (done.changed, done.previous_version, done.version) == (True, old.version, playbooks.version)
    assert playbooks.get("ja").lexicon.version_of("sns.ours") == 4
    assert old.lexicon.version_of("sns.ours") == 3
    assert not playbooks.reload().changed


def test_a_bad_playbook_changes_nothing_and_says_why(directory: Path) -> None:
    playbooks = Playbooks(directory)
    old = playbooks.get("ja")
    write(directory, OURS_FILE, BAD)
    with pytest.raises(PlaybookRefusedError, match="stays in force") as refused:
        playbooks.reload()
    assert [note.place for note in refused.value.problems] == [f"{OURS_FILE}:11"]
    assert playbooks.get("ja") is old
    assert playbooks.problems == refused.value.problems
    write(directory, OURS_FILE, CHANGED)
    playbooks.reload()
    assert playbooks.problems == ()


def test_it_is_kept_before_it_is_in_force(directory: Path) -> None:
    kept: list[str] = []

    def keeper(playbook: Playbook) -> None:
        if len(kept) == 1:
            raise OSError("disk full")
        kept.append(playbook.version)

    playbooks = Playbooks(directory)
    old = playbooks.get("ja")
    playbooks.keep_with(keeper)
    assert kept == [old.version]
    write(directory, OURS_FILE, CHANGED)
    with pytest.raises(OSError, match="disk full"):
        playbooks.reload()
    assert playbooks.get("ja") is old


async def test_a_changed_file_is_noticed(directory: Path) -> None:
    playbooks = Playbooks(directory)
    before = playbooks.get("ja").version
    watch = asyncio.create_task(playbooks.watch(0.01))
    await asyncio.sleep(0.05)
    write(directory, OURS_FILE, BAD)
    await until(lambda: bool(playbooks.problems))
    assert playbooks.version == before
    write(directory, OURS_FILE, CHANGED)
    await until(lambda: playbooks.version != before)
    assert playbooks.problems == ()
    watch.cancel()
    await asyncio.wait({watch})


async def test_the_watch_outlives_files_that_go_away_and_a_database_that_is_busy(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = [True]

    def keeper(_playbook: Playbook) -> None:
        if busy[0]:
            raise OSError("busy")

    def gone(_folder: Path) -> None:
        raise FileNotFoundError(directory)

    monkeypatch.setattr("koemori.server.playbooks.AFTER_FAILURE_S", 0.01)
    playbooks = Playbooks(directory)
    before = playbooks.get("ja").version
    with monkeypatch.context() as at_first:
        at_first.setattr("koemori.assist.playbooks.check.check_playbook", gone)
        watch = asyncio.create_task(playbooks.watch(0.01))
        await asyncio.sleep(0.1)
    with pytest.raises(OSError, match="busy"):
        playbooks.keep_with(keeper)
    write(directory, OURS_FILE, CHANGED)
    await asyncio.sleep(0.5)
    assert playbooks.version == before
    busy[0] = False
    await until(lambda: playbooks.version != before)
    watch.cancel()
    await asyncio.wait({watch})


async def test_what_changed_while_the_service_started_is_noticed(directory: Path) -> None:
    playbooks = Playbooks(directory)
    before = playbooks.get("ja").version
    write(directory, OURS_FILE, CHANGED)
    watch = asyncio.create_task(playbooks.watch(60))
    await until(lambda: playbooks.version != before)
    watch.cancel()
    await asyncio.wait({watch})


async def test_a_start_with_a_rule_that_misses_its_example_works_and_says_so(directory: Path) -> None:
    write(directory, OURS_FILE, BAD)
    playbooks = Playbooks(directory)
    assert playbooks.get("ja").lexicon.rules
    watch = asyncio.create_task(playbooks.watch(60))
    await until(lambda: bool(playbooks.problems))
    assert playbooks.problems[0].rule_id == "sns.ours"
    watch.cancel()
    await asyncio.wait({watch})
