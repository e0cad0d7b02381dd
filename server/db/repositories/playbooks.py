"""Playbooks that were in force, with every rule as it stood: added once, never changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from koemori.assist.playbooks.records import rule_records
from koemori.assist.playbooks.schema import Playbook
from koemori.server.db.tables import AlertRow, PlaybookRuleRow, PlaybookVersionRow
from sqlalchemy import select
from sqlalchemy.orm import Session

ALERTING: tuple[str, ...] = ("detection", "clock")
"""Kinds of rules that an alert can come from."""


@dataclass(frozen=True, slots=True)
class KeptRule:
    """A rule and the playbook it stood in."""

    rule: PlaybookRuleRow
    playbook: PlaybookVersionRow


def keep(session: Session, playbook: Playbook, at: datetime) -> bool:
    """Keep a playbook and its rules. Idempotent on the version; whether it was new."""
    if session.get(PlaybookVersionRow, playbook.version) is not None:
        return False
    session.add(
        PlaybookVersionRow(
            version=playbook.version,
            digest=playbook.digest,
            author=playbook.author,
            changed_at=playbook.changed_at,
            first_used_at=at,
            files=dict(playbook.files),
        )
    )
    session.flush()
    for record in rule_records(playbook):
        values = asdict(record) | {"patterns": list(record.patterns)}
        session.add(PlaybookRuleRow(playbook_version=playbook.version, **values))
    return True


def versions(session: Session) -> list[PlaybookVersionRow]:
    """Every playbook that was ever in force, newest first."""
    order = (PlaybookVersionRow.first_used_at.desc(), PlaybookVersionRow.version)
    return list(session.scalars(select(PlaybookVersionRow).order_by(*order)))


def rule(
    session: Session, playbook_version: str, rule_id: str, kinds: Iterable[str] = ALERTING
) -> KeptRule | None:
    """A rule as it stood in a version of the playbook; of one id in several kinds, the kind named first."""
    order = tuple(kinds)
    query = (
        select(PlaybookRuleRow, PlaybookVersionRow)
        .join(PlaybookVersionRow, PlaybookVersionRow.version == PlaybookRuleRow.playbook_version)
        .where(
            PlaybookRuleRow.playbook_version == playbook_version,
            PlaybookRuleRow.rule_id == rule_id,
            PlaybookRuleRow.kind.in_(order),
        )
    )
    found = [KeptRule(*row) for row in session.execute(query)]
    return min(found, key=lambda kept: order.index(kept.rule.kind), default=None)


def wordings(session: Session, rule_id: str) -> list[KeptRule]:
    """How a rule read over time: each wording where it first came, newest first."""
    query = (
        select(PlaybookRuleRow, PlaybookVersionRow)
        .join(PlaybookVersionRow, PlaybookVersionRow.version == PlaybookRuleRow.playbook_version)
        .where(PlaybookRuleRow.rule_id == rule_id)
        .order_by(PlaybookVersionRow.first_used_at, PlaybookVersionRow.version, PlaybookRuleRow.kind)
    )
    found: list[KeptRule] = []
    newest: dict[str, tuple[str, str, int]] = {}
    for row in session.execute(query):
        kept = KeptRule(*row)
        wording = (kept.rule.toml, kept.rule.author, kept.rule.version)
        if newest.get(kept.rule.kind) != wording:
            newest[kept.rule.kind] = wording
            found.append(kept)
    return found[::-1]


def alert(session: Session, call_id: str, alert_id: str) -> AlertRow | None:
    """One alert of a call."""
    return session.get(AlertRow, (call_id, alert_id))
