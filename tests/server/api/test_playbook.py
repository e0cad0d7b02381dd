"""The playbook's words over HTTP."""

from __future__ import annotations

import pytest

from tests.fakes.office import Office

pytestmark = pytest.mark.integration


def test_ladder_and_checklist_come_in_the_language_asked_for(office: Office) -> None:
    browser = office.browser("agent1")
    own = browser.get("/api/v1/playbook").json()
    japanese = browser.get("/api/v1/playbook?locale=ja").json()
    english = browser.get("/api/v1/playbook?locale=en").json()
    assert own == japanese
    assert (japanese["locale"], english["locale"]) == ("ja", "en")
    assert len(japanese["ladder"]) == 5
    for part in ("ladder", "checklist"):
        assert [item["id"] for item in japanese[part]] == [item["id"] for item in english[part]]
    assert all(item["label"].isascii() for item in english["checklist"])
    assert not any(item["label"].isascii() for item in japanese["ladder"])


def test_another_language_is_refused(office: Office) -> None:
    assert office.browser("agent1").get("/api/v1/playbook?locale=fr").status_code == 422
