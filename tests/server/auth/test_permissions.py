"""The one decision: deny unless the table says otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.server.auth.permissions import (
    Action,
    CallResource,
    Decision,
    Identity,
    Reach,
    Role,
    decide,
    reach_of,
)

pytestmark = pytest.mark.unit


def person(role: Role, username: str = "me") -> Identity:
    return Identity("id", username, "Name", role, "ja")


GENERAL = {Action.SESSION_USE, Action.DESK_OPEN, Action.PLAYBOOK_READ}
"""Rights that are about no call."""

resources = st.builds(CallResource, st.sampled_from(["me", "other", None]), st.booleans())


@given(st.sampled_from(list(Role)), st.sampled_from(list(Action)), resources)
def test_what_is_denied_in_general_is_denied_for_everything(
    role: Role, action: Action, resource: CallResource
) -> None:
    who = person(role)
    general = decide(who, action)
    assert general.allowed == (reach_of(who, action) is not None)
    if not general.allowed:
        assert decide(who, action, resource) == Decision(False, "role")


@given(st.sampled_from(list(Action)), resources)
def test_agents_never_reach_beyond_their_own_calls(action: Action, resource: CallResource) -> None:
    if resource.agent_id != "me" and action not in GENERAL:
        assert not decide(person(Role.AGENT), action, resource).allowed


@pytest.mark.parametrize("action", list(Action))
def test_legal_never_sees_a_live_call_and_never_changes_one(action: Action) -> None:
    counsel = person(Role.LEGAL)
    about_calls = {Action.CALL_READ, Action.CASE_READ, Action.CALL_LIST}
    if action in about_calls:
        assert decide(counsel, action, CallResource("x", live=True)) == Decision(False, "live")
        assert decide(counsel, action, CallResource("x", live=False)).allowed
    if action in {Action.CASE_EDIT, Action.HELP_ASK, Action.DESK_OPEN, Action.WALLBOARD_READ}:
        assert not decide(counsel, action).allowed


def test_a_call_without_an_agent_is_nobodys_own() -> None:
    assert not decide(person(Role.AGENT), Action.CALL_READ, CallResource(None, live=True)).allowed


@pytest.mark.parametrize("role", list(Role))
def test_every_role_has_a_reach_for_signing_in_and_out(role: Role) -> None:
    assert reach_of(person(role), Action.SESSION_USE) is Reach.ANY
