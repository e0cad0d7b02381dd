"""The playbook's words for the desk, its history, and bringing changed files into force."""

from __future__ import annotations

import logging
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path
from koemori.server.api.dependencies import Caller, CallRequires, OnCall, Parts, Requires
from koemori.server.api.errors import ApiError, FieldProblem, responses
from koemori.server.api.playbook_schemas import (
    ChecklistItem,
    LadderStep,
    PlaybookReload,
    PlaybookRemark,
    PlaybookTexts,
    PlaybookVersion,
    PlaybookVersionList,
    RuleText,
    RuleTextList,
)
from koemori.server.auth.permissions import Action
from koemori.server.db.repositories import playbooks
from koemori.server.db.repositories.playbooks import KeptRule
from koemori.server.db.tables import PlaybookVersionRow
from koemori.server.playbooks import PlaybookRefusedError

logger = logging.getLogger(__name__)
router = APIRouter(tags=["playbooks"])
_READ = Depends(Requires(Action.PLAYBOOK_READ))
_RELOAD = Depends(Requires(Action.PLAYBOOK_RELOAD))
_ON_CALL = Depends(CallRequires(Action.CALL_READ))


@router.get("/playbook", operation_id="getPlaybook", responses=responses(401, 403, 422))
def get_playbook(
    parts: Parts, locale: Literal["ja", "en"] | None = None, caller: Caller = _READ
) -> PlaybookTexts:
    """Ladder and checklist in a language; without one, in the person's own."""
    own: Literal["ja", "en"] = "en" if caller.identity.locale == "en" else "ja"
    playbook = parts.playbooks.get(locale or own)
    return PlaybookTexts(
        version=playbook.version,
        locale=playbook.locale,
        ladder=[LadderStep.model_validate(step) for step in playbook.ladder.steps],
        checklist=[ChecklistItem.model_validate(item) for item in playbook.checklist],
        labels=dict(playbook.labels),
    )


@router.get("/playbooks", operation_id="listPlaybooks", responses=responses(401, 403))
def list_playbooks(parts: Parts, caller: Caller = _READ) -> PlaybookVersionList:
    """Every playbook that was ever in force, newest first."""
    with parts.database.read() as transaction:
        rows = playbooks.versions(transaction)
    return PlaybookVersionList(items=[_version(row, parts) for row in rows])


@router.get("/playbooks/rules/{rule_id}", operation_id="listRuleWordings", responses=responses(401, 403, 404))
def list_rule_wordings(
    parts: Parts, rule_id: Annotated[str, Path(max_length=200)], caller: Caller = _READ
) -> RuleTextList:
    """How a rule read over time: each wording once, newest first."""
    with parts.database.read() as transaction:
        found = playbooks.wordings(transaction, rule_id)
    if not found:
        raise ApiError("rule-not-kept", "No playbook that was in force had a rule of this id.")
    return RuleTextList(items=[_rule(kept, parts) for kept in found])


@router.get(
    "/calls/{call_id}/alerts/{alert_id}/rule", operation_id="getAlertRule", responses=responses(401, 403, 404)
)
def get_alert_rule(parts: Parts, alert_id: str, on: OnCall = _ON_CALL) -> RuleText:
    """The rule behind an alert, exactly as it stood when the alert came: text, version, author, source."""
    with parts.database.read() as transaction:
        alert = playbooks.alert(transaction, on.view.call.call_id, alert_id)
        if alert is None:
            raise ApiError("alert-not-found", "This call has no alert of this id.")
        version, rule_id = alert.body.get("playbook_version"), str(alert.body["rule_id"])
        kept = None if version is None else playbooks.rule(transaction, version, rule_id)
    if kept is None:
        raise ApiError("rule-not-kept", "The alert does not come from a rule of a playbook that was kept.")
    return _rule(kept, parts)


@router.post("/playbooks/reload", operation_id="reloadPlaybook", responses=responses(401, 403, 409))
def reload_playbook(parts: Parts, caller: Caller = _RELOAD) -> PlaybookReload:
    """Check the files that lie there now and let new calls begin with them.

    Calls that are going on keep the playbook they began with. Files that do not pass the check change
    nothing: `playbook-refused` lists every problem with its place.
    """
    try:
        done = parts.playbooks.reload()
    except PlaybookRefusedError as error:
        raise ApiError(
            error.code,
            f"The files do not pass the check; playbook {error.in_force} stays in force.",
            errors=[
                FieldProblem(
                    where=note.place,
                    problem=f"{note.rule_id or 'file'}: expected {note.expected}; got {note.came}",
                )
                for note in error.problems
            ],
        ) from None
    logger.info("playbook reloaded", extra={"user_id": caller.identity.user_id, "version": done.version})
    return PlaybookReload(
        version=done.version,
        previous_version=done.previous_version,
        changed=done.changed,
        live_calls=len(parts.live.call_ids()),
        warnings=[
            PlaybookRemark(
                place=note.place,
                rule_id=note.rule_id,
                expected=note.expected,
                came=note.came,
            )
            for note in done.warnings
        ],
    )


def _rule(kept: KeptRule, parts: Parts) -> RuleText:
    row = kept.rule
    return RuleText(
        rule_id=row.rule_id,
        kind=row.kind,
        version=row.version,
        author=row.author,
        enabled=row.enabled,
        category=row.category,
        severity=row.severity,
        why=row.why,
        source=row.source,
        patterns=row.patterns,
        file=row.file,
        line=row.line,
        toml=row.toml,
        playbook=_version(kept.playbook, parts),
    )


def _version(row: PlaybookVersionRow, parts: Parts) -> PlaybookVersion:
    return PlaybookVersion(
        version=row.version,
        digest=row.digest,
        author=row.author,
        changed_at=row.changed_at,
        first_used_at=row.first_used_at,
        in_force=row.version == parts.playbooks.version,
    )
