"""The playbook's words over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest
from koemori.assist.types import Category

from tests.fakes.office import Office, open_office
from tests.fakes.playbooks import OURS, OURS_FILE, own_playbook, write

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


def test_a_changed_playbook_is_reloaded_by_a_supervisor_and_a_bad_one_is_refused(tmp_path: Path) -> None:
    directory = own_playbook(tmp_path)
    with open_office(tmp_path, assist={"playbook_dir": directory, "playbook_poll_s": 0}) as office:
        boss = office.browser("boss")
        before = boss.get("/api/v1/playbook").json()["version"]
        office.call("agent1", ended=False)
        write(directory, OURS_FILE, OURS.replace("version = 3", "version = 4"))
        done = boss.post("/api/v1/playbooks/reload").json()
        assert (done["previous_version"], done["changed"], done["live_calls"]) == (before, True, 0)
        assert OURS_FILE not in {warning["place"].split(":")[0] for warning in done["warnings"]}
        assert boss.get("/api/v1/playbook").json()["version"] == done["version"] != before

        write(directory, OURS_FILE, OURS.replace('"sns"', '"s"').replace('"warning"', '"w"'))
        refused = boss.post("/api/v1/playbooks/reload")
        problem = refused.json()
        assert (refused.status_code, problem["code"]) == (409, "playbook-refused")
        assert [error["where"] for error in problem["errors"]] == [f"{OURS_FILE}:6", f"{OURS_FILE}:7"]
        health = boss.get("/api/v1/health").json()
        assert (health["status"], health["playbook_version"]) == ("ok", done["version"])
        assert health["playbook_problem"].startswith(f"{OURS_FILE}:6: does-not-fit")
        assert health["playbook_problem"].endswith("(and 1 more)")

        write(directory, OURS_FILE, OURS)
        assert boss.post("/api/v1/playbooks/reload").json()["version"] == before
        assert boss.get("/api/v1/health").json()["playbook_problem"] is None
        items = boss.get("/api/v1/playbooks").json()["items"]
        assert [(item["version"], item["in_force"]) for item in items] == [
            (done["version"], False),
            (before, True),
        ]
        wordings = boss.get("/api/v1/playbooks/rules/sns.ours").json()["items"]
        assert [(one["version"], one["author"]) for one in wordings] == [(4, "品質管理部"), (3, "品質管理部")]
        assert boss.get("/api/v1/playbooks/rules/nobody").json()["code"] == "rule-not-kept"


def test_an_alert_without_a_kept_rule_says_so(office: Office) -> None:
    call_id = office.call("agent1", alert=Category.THREAT)
    browser = office.browser("agent1")
    answer = browser.get(f"/api/v1/calls/{call_id}/alerts/a-1/rule")
    assert (answer.status_code, answer.json()["code"]) == (404, "rule-not-kept")
    answer = browser.get(f"/api/v1/calls/{call_id}/alerts/a-2/rule")
    assert (answer.status_code, answer.json()["code"]) == (404, "alert-not-found")
