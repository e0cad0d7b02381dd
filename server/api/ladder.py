"""What the API says of the warning ladder of a live call, and of a supervisor's approval."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class LadderStepDone(_Answer):
    """A step of the warning ladder that was said on the line, or approved of by a supervisor."""

    step: str
    at_ms: int
    quote: str = Field(description="The sentence that showed it; empty where it was approved of.")
    utterance_id: str | None
    approved_by: str = Field(description="Name of the supervisor; empty where it was said.")


class LadderState(_Answer):
    """Where a live call stands on the warning ladder."""

    done: list[LadderStepDone]
    awaits_approval: bool = Field(
        description="Request, warning and announcement were said; ending needs a supervisor's approval."
    )


class LadderApproval(_Answer):
    """A supervisor's approval, as it is kept with the call's events."""

    call_id: str
    step: str
    approved_by: str = Field(description="User name.")
    approver_name: str
