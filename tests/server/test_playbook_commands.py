"""`koemori playbook check`, `try` and `schema`: what they print and how they end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from koemori.assist.playbooks.load import load_playbook
from koemori.assist.playbooks.trial import Hit
from koemori.assist.redaction import PersonalData, Span
from koemori.server import cli
from koemori.server.commands import exits
from koemori.server.db.call_store import CallRecords
from koemori.server.playbook_trial import masked_quote

from tests.fakes.office import call_started, ended_event, open_database, scripted_events
from tests.fakes.playbooks import OURS, OURS_FILE, own_playbook, write

pytestmark = pytest.mark.integration

NEW = (
    OURS.replace("sns.ours", "threat.new")
    .replace('"sns"', '"threat"')
    .replace("ヨウツベ ~ 流す", "夜道 ~ 歩け")
)
NEW = NEW.replace("ヨウツベに流すからな", "夜道を歩けると思うな").replace("ヨウツベで見ました", "夜道は暗い")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings with a playbook of one's own and a database of three calls, one of them live."""
    (tmp_path / "in-force").mkdir()
    own = own_playbook(tmp_path / "in-force")
    database = open_database(tmp_path)
    records = CallRecords(database)
    now = datetime.now(UTC)
    held = (
        (100, "ヨウツベに流すからな", True),
        (10, "山田様と夜道を歩けると思うな。山田様。", True),
        (0, "夜道を歩けると思うな", False),
    )
    for days, text, ended in held:
        started = call_started("agent1", now - timedelta(days=days))
        events = scripted_events(
            started.call_id, [("agent", "お電話ありがとうございます"), ("customer", text)]
        )
        records.call_started(started)
        records.append(started.call_id, events)
        if ended:
            last = ended_event(started.call_id, len(events) + 1, 4000)
            records.append(started.call_id, [last])
            records.ended(started.call_id, last)
    database.close()
    path = tmp_path / "koemori.toml"
    path.write_text(
        f'[database]\nurl = "sqlite:///{tmp_path}/koemori.db"\n[assist]\nplaybook_dir = "{own}"\n'
        "second_opinion = false\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    """What somebody would like to bring into force."""
    (tmp_path / "draft").mkdir()
    return own_playbook(tmp_path / "draft", OURS + NEW.replace("version = 3", "enabled = false"))


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = cli.run(["playbook", *map(str, arguments)])
    came = capsys.readouterr()
    return code, came.out, came.err


def tried(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, dict[str, Any]]:
    code, out, _ = run(capsys, "try", *arguments, "--json")
    assert code == exits.OK
    rows = [json.loads(line) for line in out.splitlines()]
    return {row.get("rule_id", row["type"]): row for row in rows}


def test_a_good_playbook_passes_and_a_bad_one_is_told_everything(
    capsys: pytest.CaptureFixture[str], draft: Path
) -> None:
    code, out, err = run(capsys, "check", draft)
    assert (code, OURS_FILE in out) == (exits.OK, False)
    assert " 0 problems, " in err
    write(draft, OURS_FILE, OURS.replace('"sns"', '"s"').replace("version = 3", "version = 0"))
    code, out, _ = run(capsys, "check", draft)
    assert code == exits.FAILED
    assert f"problem: {draft}/{OURS_FILE}:4: expected version between 1" in out
    assert f"problem: {draft}/{OURS_FILE}:6: expected category to be one of" in out
    _, out, _ = run(capsys, "check", draft, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["line"] for row in rows if row["file"] == OURS_FILE] == [4, 6]


def test_the_playbook_of_the_settings_is_the_default(
    capsys: pytest.CaptureFixture[str], config: Path
) -> None:
    code, out, err = run(capsys, "check", "--config", config)
    assert (code, OURS_FILE in out) == (exits.OK, False)
    assert err.startswith(
        f"playbook {load_playbook(directory=config.parent / 'in-force' / 'playbook').version}: "
    )


@pytest.mark.parametrize("place", ["nowhere", ".", "koemori.toml"])
def test_what_is_no_playbook_is_unusable(
    capsys: pytest.CaptureFixture[str], config: Path, place: str
) -> None:
    code, out, err = run(capsys, "check", place)
    assert (code, out, err.count("\n")) == (exits.UNUSABLE, "", 1)


def test_a_silent_rule_is_tried_over_the_calls_that_are_over(
    capsys: pytest.CaptureFixture[str], config: Path, draft: Path
) -> None:
    rows = tried(capsys, draft, "--config", config)
    new, summary = rows["threat.new"], rows["summary"]
    assert (new["fired"], new["calls"], new["new"], new["enabled"]) == (1, 1, 1, False)
    assert (rows["sns.ours"]["fired"], rows["sns.ours"]["new"]) == (1, 0)
    assert (summary["calls"], summary["utterances"], summary["alerts"], summary["new"]) == (2, 4, 2, 1)
    assert (summary["alerts_per_100_calls"], summary["alerts_in_force_per_100_calls"]) == (100.0, 50.0)
    assert summary["playbook_version"] != summary["in_force_version"]
    assert summary["engine_failures"] == 0


def test_personal_data_is_masked_unless_asked_for(
    capsys: pytest.CaptureFixture[str], config: Path, draft: Path
) -> None:
    (shown,) = tried(capsys, draft, "--config", config)["threat.new"]["examples"]
    assert (shown["quote"], shown["change"]) == ("夜道を歩け", "new")
    assert shown["text"] == "[氏名]様と夜道を歩けると思うな。[氏名]様。"
    (whole,) = tried(capsys, draft, "--config", config, "--show-text")["threat.new"]["examples"]
    assert whole["text"] == "山田様と夜道を歩けると思うな。山田様。"


def test_one_rule_and_a_stretch_of_time_can_be_picked(
    capsys: pytest.CaptureFixture[str], config: Path, draft: Path
) -> None:
    rows = tried(capsys, draft, "--config", config, "--rule", "sns.ours", "--since", "30d")
    assert set(rows) == {"sns.ours", "summary"}
    assert (rows["summary"]["calls"], rows["sns.ours"]["fired"]) == (1, 0)
    day = (datetime.now().astimezone() - timedelta(days=50)).date().isoformat()
    assert tried(capsys, draft, "--config", config, "--since", day)["summary"]["calls"] == 1
    for wrong in (("--rule", "nobody"), ("--since", "yesterday"), ("--since", "99999999d")):
        assert run(capsys, "try", draft, "--config", config, *wrong)[0] == exits.UNUSABLE


def test_the_text_for_people_puts_what_changes_first(
    capsys: pytest.CaptureFixture[str], config: Path, draft: Path
) -> None:
    code, out, _ = run(capsys, "try", draft, "--config", config)
    lines = out.splitlines()
    assert code == exits.OK
    assert lines[1].startswith(
        "2 calls, 4 utterances: 2 alerts (100.0 per 100 calls), 1 in force (50.0): 1 new"
    )
    assert lines[3].startswith("threat.new v1 (silent: enabled = false): fired 1 times in 1 calls; 1 new")
    assert lines[4].startswith("  new ")
    assert "山田" not in out


def test_a_database_that_is_not_there_is_not_made(
    capsys: pytest.CaptureFixture[str], draft: Path, tmp_path: Path
) -> None:
    code, _, err = run(capsys, "try", draft)
    assert (code, err) == (
        exits.UNUSABLE,
        "koemori: database: expected one with calls in it; got none, or an empty one\n",
    )
    assert not (tmp_path / "var").exists()


def test_the_schema_is_printed_or_written_with_a_file_for_editors(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, _ = run(capsys, "schema")
    printed = json.loads(out)
    assert code == exits.OK
    assert (
        "threat"
        in printed["ja/lexicon/*.toml"]["properties"]["rule"]["items"]["properties"]["category"]["enum"]
    )
    code, out, _ = run(capsys, "schema", "--out", tmp_path / "schemas")
    assert (code, out) == (exits.OK, "")
    assert (
        json.loads((tmp_path / "schemas" / "guidance.schema.json").read_text())
        == printed["ja/guidance/*.toml"]
    )
    assert '"**/ja/lexicon/*.toml"' in (tmp_path / "schemas" / ".taplo.toml").read_text(encoding="utf-8")


def test_the_built_in_playbook_can_be_made_ones_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(capsys, "copy", tmp_path / "own")[0] == exits.OK
    code, _, err = run(capsys, "copy", tmp_path / "own")
    assert (code, err.count("\n")) == (exits.UNUSABLE, 1)
    assert load_playbook(directory=tmp_path / "own").version == load_playbook().version


def test_a_quote_is_masked_where_the_utterance_holds_personal_data() -> None:
    text = "番号は09012345678です"
    spans = (Span(PersonalData.PHONE, 3, 14),)

    def quoted(quote: str) -> str:
        return masked_quote(Hit("c", ("1-0",), 0, 2, "new", quote, text, spans))

    assert quoted("番号は09012345678") == "番号は[電話番号]"
    assert quoted("5678です") == "[電話番号]です"
    assert quoted("番号は") == "番号は"
    assert quoted("電話は09012345678") == "電話は[電話番号]"
