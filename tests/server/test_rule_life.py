"""The life of a rule: written as data, tried over the archive, enabled, and traced from an alert back to it.

The real application on a real database and a real ingest; only the recogniser is scripted.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from koemori.server import cli
from koemori.server.auth.accounts import Accounts
from koemori.server.auth.permissions import Role
from starlette.testclient import TestClient, WebSocketTestSession

from tests.fakes import media
from tests.fakes.light import light_service
from tests.fakes.office import ORIGIN, PASSWORD, cheap_passwords
from tests.fakes.playbooks import OURS, OURS_FILE, own_playbook, write

pytestmark = pytest.mark.integration

SAID = "この対応は夜道で覚えておけよ"
RULE = """
[[rule]]
id = "threat.dark-road"
version = 1
author = "山本(品質管理)"
enabled = false
category = "threat"
severity = "warning"
why = "帰り道のことを言って脅している"
source = "社内基準 第7条"
patterns = ["夜道 ~ 覚え"]
examples = ["夜道で覚えておけよ"]
counter_examples = ["夜道は暗いので気をつけて来ました"]
"""


@dataclass
class Floor:
    """The running service, seen by a supervisor."""

    client: TestClient
    config: Path

    def get(self, path: str) -> Any:
        answer = self.client.get(f"/api/v1{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, **body: str) -> Any:
        return self.client.post(f"/api/v1{path}", json=body, headers={"Origin": ORIGIN}).json()

    @contextmanager
    def call(self) -> Iterator[WebSocketTestSession]:
        """A caller on the line, who hangs up at the end."""
        ended = len(self.get("/calls?state=ended")["items"])
        with self.client.websocket_connect("/ingest/media") as socket:
            socket.send_text(media.start(parameters={"agent": "agent1"}))
            talk(socket, 1, 10)
            yield socket
            talk(socket, 11, 150)
            socket.send_text(media.STOP)
            until(lambda: len(self.get("/calls?state=ended")["items"]) > ended)

    def newest(self) -> tuple[str, list[dict[str, Any]]]:
        """The newest call and its alerts."""
        call_id = self.get("/calls?limit=1")["items"][0]["call_id"]
        return call_id, self.get(f"/calls/{call_id}/transcript")["alerts"]

    def rule_of(self, call_id: str, alert: dict[str, Any]) -> Any:
        return self.get(f"/calls/{call_id}/alerts/{alert['alert_id']}/rule")

    def version(self) -> str:
        return str(self.get("/health")["playbook_version"])


def talk(socket: WebSocketTestSession, first: int, last: int) -> None:
    for number in range(first, last + 1):
        for track in ("inbound", "outbound"):
            socket.send_text(media.media(track, number))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.02)


@contextmanager
def floor(home: Path, playbook: Path) -> Iterator[Floor]:
    config = home / "koemori.toml"
    assist = {"playbook_dir": playbook, "playbook_poll_s": 0.02}
    with light_service(home, words=SAID, understands=True, assist=assist) as client:
        accounts = Accounts(client.app.state.services.database, cheap_passwords())  # type: ignore[attr-defined]
        if not config.exists():
            accounts.add("boss", PASSWORD, Role.SUPERVISOR)
        config.write_text(
            f'[database]\nurl = "sqlite:///{home}/koemori.db"\n[assist]\nplaybook_dir = "{playbook}"\n',
            encoding="utf-8",
        )
        service = Floor(client, config)
        assert service.post("/session", username="boss", password=PASSWORD)["username"] == "boss"
        yield service


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[dict[str, Any]]]:
    capsys.readouterr()
    code = cli.run(["playbook", *map(str, arguments), "--json"])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def try_draft(capsys: pytest.CaptureFixture[str], service: Floor, draft: Path, in_force: str) -> None:
    """Somebody writes a rule in a copy, checks it, and tries it over the archive."""
    write(draft, OURS_FILE, OURS + RULE)
    assert run(capsys, "check", draft) == (0, [])
    code, rows = run(capsys, "try", draft, "--rule", "threat.dark-road", "--config", service.config)
    tried, summary = rows
    assert (code, summary["calls"], summary["in_force_version"]) == (0, 1, in_force)
    assert (tried["fired"], tried["new"], tried["enabled"]) == (3, 3, False)
    assert tried["examples"][0]["quote"] == "夜道で覚え"


def break_rule(service: Floor, in_force: Path) -> None:
    """A bad change is refused; detection goes on."""
    write(in_force, OURS_FILE, OURS + RULE.replace("夜道 ~ 覚え", "昼間 ~ 覚え"))
    until(lambda: service.get("/health")["playbook_problem"] is not None)
    assert service.get("/health")["playbook_problem"] == f"{OURS_FILE}:24: threat.dark-road: example-missed"
    assert service.post("/playbooks/reload")["code"] == "playbook-refused"
    with service.call():
        pass
    assert len(service.newest()[1]) == 3


def test_a_rule_is_added_as_data_tried_enabled_and_traced_from_an_alert(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_force = own_playbook(tmp_path)
    with floor(tmp_path, in_force) as service:
        # A call is held that no rule sees anything in.
        with service.call():
            pass
        assert service.newest()[1] == []
        before = service.version()

        try_draft(capsys, service, Path(shutil.copytree(in_force, tmp_path / "draft")), before)

        # It comes into force silent, then enabled; the call on the line keeps what it began with.
        write(in_force, OURS_FILE, OURS + RULE)
        until(lambda: service.version() != before)
        silent = service.version()
        with service.call():
            write(in_force, OURS_FILE, OURS + RULE.replace("enabled = false\n", ""))
            until(lambda: service.version() != silent)
        assert service.newest()[1] == []
        with service.call():
            pass
        first_call, alerts = service.newest()
        enabled = service.version()
        assert {(one["rule_id"], one["rule_version"], one["playbook_version"]) for one in alerts} == {
            ("threat.dark-road", 1, enabled)
        }

        break_rule(service, in_force)

        # A year later the rule reads otherwise and has another author.
        later = (
            RULE.replace("version = 1", "version = 2")
            .replace("山本", "井上")
            .replace("enabled = false\n", "")
        )
        write(in_force, OURS_FILE, OURS + later.replace('["夜道 ~ 覚え"]', '["夜道|帰り道 ~ 覚え"]'))
        until(lambda: service.get("/health")["playbook_problem"] is None)
        with service.call():
            pass
        newer_call, newer = service.newest()

        # The old alert still leads to the old words and to who wrote them; the new one to the new.
        old_rule = service.rule_of(first_call, alerts[0])
        assert (old_rule["version"], old_rule["author"]) == (1, "山本(品質管理)")
        assert (old_rule["source"], old_rule["patterns"]) == ("社内基準 第7条", ["夜道 ~ 覚え"])
        assert old_rule["toml"] == RULE.replace("enabled = false\n", "").strip()
        assert (old_rule["playbook"]["version"], old_rule["playbook"]["in_force"]) == (enabled, False)
        new_rule = service.rule_of(newer_call, newer[0])
        assert (new_rule["version"], new_rule["author"]) == (2, "井上(品質管理)")
        assert new_rule["playbook"]["in_force"]
        wordings = service.get("/playbooks/rules/threat.dark-road")["items"]
        assert [(one["version"], one["enabled"]) for one in wordings] == [(2, True), (1, True), (1, False)]

    # A service started anew knows it all the same.
    with floor(tmp_path, in_force) as service:
        assert service.rule_of(first_call, alerts[0])["toml"] == old_rule["toml"]
