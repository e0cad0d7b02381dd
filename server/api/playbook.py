"""The playbook's words, for the desk."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Depends
from koemori.server.api.dependencies import Caller, Parts, Requires
from koemori.server.api.errors import responses
from koemori.server.api.schemas import ChecklistItem, LadderStep, PlaybookTexts
from koemori.server.auth.permissions import Action

router = APIRouter(tags=["playbooks"])
_READ = Depends(Requires(Action.PLAYBOOK_READ))


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
