"""What the API says of playbooks: words for the desk, versions, and rules as they stood."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class LadderStep(_Answer):
    """A step of the warning ladder; `ladder1` … `ladder5` in `stage` of a guidance event, in order."""

    id: str
    label: str


class ChecklistItem(_Answer):
    """Something the agent should have said; `id` is `item` of a checklist event."""

    id: str
    step: str
    label: str
    question: str


class PlaybookTexts(_Answer):
    """The words a desk shows around the live events, in one language."""

    version: str
    locale: str
    ladder: list[LadderStep]
    checklist: list[ChecklistItem]
    labels: dict[str, str]


class PlaybookVersion(_Answer):
    """A playbook that was in force, once or still."""

    version: str = Field(description="`<declared>+<first 8 digits of the digest>`; alerts carry it.")
    digest: str = Field(description="SHA-256 of its files.")
    author: str
    changed_at: str = Field(description="As its author states it, ISO 8601; may be empty.")
    first_used_at: datetime
    in_force: bool


class PlaybookVersionList(_Answer):
    """Every playbook that was ever in force, newest first."""

    items: list[PlaybookVersion]


class RuleText(_Answer):
    """A rule exactly as it stood in one version of the playbook."""

    rule_id: str
    kind: Literal["detection", "guidance", "clock"]
    version: int
    author: str
    enabled: bool
    category: str
    severity: str
    why: str
    source: str
    patterns: list[str]
    file: str = Field(description="In the playbook's folder.")
    line: int
    toml: str
    playbook: PlaybookVersion


class RuleTextList(_Answer):
    """How a rule read over time: each wording once, newest first."""

    items: list[RuleText]


class PlaybookRemark(_Answer):
    """Something a careful author would want to know."""

    place: str = Field(description="File and line in the playbook's folder.")
    rule_id: str | None
    expected: str
    came: str


class PlaybookReload(_Answer):
    """What a reload did."""

    version: str
    previous_version: str
    changed: bool
    live_calls: int = Field(description="Calls going on now; they keep the playbook they began with.")
    warnings: list[PlaybookRemark]
