"""Playbooks in the database: kept once, with every rule as it stood, and the wordings of a rule in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from koemori.assist.playbooks.lexicon import CLOCK_RULES
from koemori.assist.playbooks.load import load_playbook
from koemori.server.db.repositories import playbooks
from koemori.server.db.tables import PlaybookRuleRow

from tests.fakes.office import open_database
from tests.fakes.playbooks import OURS, OURS_FILE, own_playbook, write

pytestmark = pytest.mark.integration

DAY = datetime(2026, 11, 22, tzinfo=UTC)


def test_a_playbook_is_kept_once_with_its_rules_and_files(tmp_path: Path) -> None:
    database, directory = open_database(tmp_path), own_playbook(tmp_path)
    playbook = load_playbook(directory=directory)
    for _ in range(2):
        with database.write() as transaction:
            playbooks.keep(transaction, playbook, DAY)
    with database.read() as transaction:
        (version,) = playbooks.versions(transaction)
        kept = playbooks.rule(transaction, playbook.version, "sns.ours")
        clock = playbooks.rule(transaction, playbook.version, "detention.clock")
        card = playbooks.rule(transaction, playbook.version, "recording-notice")
    database.close()
    assert (version.version, version.digest) == (playbook.version, playbook.digest)
    assert (version.author, version.changed_at) == ("Koemori contributors", "2026-11-22")
    assert version.files[OURS_FILE] == OURS
    assert set(version.files) == {
        path.relative_to(directory).as_posix() for path in directory.rglob("*.toml")
    }
    assert kept is not None
    rule = kept.rule
    assert (rule.version, rule.author, rule.source) == (3, "品質管理部", "社内基準 第4条")
    assert (rule.file, rule.line, rule.toml) == (OURS_FILE, 2, OURS.strip())
    assert rule.patterns == ["ヨウツベ ~ 流す"]
    assert clock is not None
    assert (clock.rule.kind, clock.rule.author) == ("clock", "Koemori contributors")
    assert card is None


def test_a_rules_wordings_come_once_each_and_newest_first(tmp_path: Path) -> None:
    database, directory = open_database(tmp_path), own_playbook(tmp_path)
    texts = (OURS, OURS + "\n# a remark\n", OURS.replace("version = 3", "version = 4"), OURS)
    for number, text in enumerate(texts):
        write(directory, OURS_FILE, text)
        with database.write() as transaction:
            playbooks.keep(transaction, load_playbook(directory=directory), DAY + timedelta(days=number))
    with database.read() as transaction:
        found = playbooks.wordings(transaction, "sns.ours")
        assert playbooks.wordings(transaction, "nobody") == []
    database.close()
    # The last text was in force before: the version that first brought it is the one that is kept.
    assert [(kept.rule.version, kept.playbook.first_used_at.day) for kept in found] == [(4, 24), (3, 22)]


def test_a_rule_id_of_two_kinds_is_read_in_the_order_asked_for(tmp_path: Path) -> None:
    database, playbook = open_database(tmp_path), load_playbook(directory=own_playbook(tmp_path))
    with database.write() as transaction:
        playbooks.keep(transaction, playbook, DAY)
        twin = playbooks.rule(transaction, playbook.version, "sns.ours")
        assert twin is not None
        columns = {column.name: getattr(twin.rule, column.name) for column in twin.rule.__table__.columns}
        transaction.add(PlaybookRuleRow(**columns | {"kind": "clock"}))
    with database.read() as transaction:
        kinds = [
            kept.rule.kind
            for order in (("detection", "clock"), ("clock", "detection"))
            if (kept := playbooks.rule(transaction, playbook.version, "sns.ours", order)) is not None
        ]
    database.close()
    assert kinds == ["detection", "clock"]


def test_limits_that_the_playbook_sets_state_their_source(tmp_path: Path) -> None:
    database, playbook = open_database(tmp_path), load_playbook()
    with database.write() as transaction:
        playbooks.keep(transaction, playbook, DAY)
        kept = [playbooks.rule(transaction, playbook.version, rule_id) for rule_id in CLOCK_RULES]
        assert all(one is not None and "リピート型" in one.rule.source for one in kept)
    database.close()
