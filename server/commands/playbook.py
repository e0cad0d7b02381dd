"""`koemori playbook`: check rules, try them over the archive, describe their files to editors."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from koemori.server.commands.exits import FAILED, OK, UnusableInputError
from koemori.server.commands.options import ConfigOption, quiet_logging, settings_for

if TYPE_CHECKING:
    from koemori.server.config import Settings
    from koemori.server.db.engine import Database

app = typer.Typer(help="Rules: check them, try them over the archive.", no_args_is_help=True)
JsonOption = Annotated[bool, typer.Option("--json", help="JSON Lines instead of text.")]
_DAYS = re.compile(r"(\d{1,5})d")


@app.command()
def check(
    directory: Annotated[
        Path | None,
        typer.Argument(help="A playbook's folder; else that of the settings, or the built-in one."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Validate every file and run every rule's own examples; 1 when something is wrong."""
    settings = settings_for(config)
    quiet_logging(settings)
    from koemori.assist.playbooks.check import check_playbook

    root = _playbook_folder(directory, settings)
    checked = check_playbook(root)
    for note in (*checked.problems, *checked.warnings):
        if as_json:
            row = {
                "level": note.level,
                "code": note.code,
                "file": note.file,
                "line": note.line,
                "rule_id": note.rule_id,
                "expected": note.expected,
                "came": note.came,
            }
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write(f"{note.level}: {root / str(note)}\n")
    found, remarks = len(checked.problems), len(checked.warnings)
    playbook = checked.playbook
    rules = len(playbook.lexicon.declared) + len(playbook.declared_rules)
    sys.stderr.write(f"playbook {playbook.version}: {rules} rules, {found} problems, {remarks} warnings\n")
    return FAILED if found else OK


@app.command("try")
def try_rules(
    directory: Annotated[Path, typer.Argument(help="The folder of the playbook to try.")],
    since: Annotated[
        str | None, typer.Option(help="Calls from this day on (2026-11-01), or of so many days (90d).")
    ] = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule.")] = None,
    examples: Annotated[int, typer.Option(min=0, max=1000, help="Hits shown for each rule.")] = 5,
    as_json: JsonOption = False,
    show_text: Annotated[
        bool, typer.Option("--show-text", help="Show words as they were said; else personal data is masked.")
    ] = False,
    config: ConfigOption = None,
) -> int:
    """Run a playbook over the calls in the database: how often each rule would have fired, and on what."""
    settings = settings_for(config)
    quiet_logging(settings)
    begin = None if since is None else _moment(since)
    from koemori.assist.playbooks.load import load_playbook
    from koemori.assist.playbooks.records import rule_records
    from koemori.assist.playbooks.trial import PlaybookTrial
    from koemori.assist.second_opinion import load_opinion
    from koemori.server.playbook_trial import TrialReport, try_playbook

    tried = load_playbook(directory=_playbook_folder(directory, settings))
    in_force = load_playbook(directory=settings.assist.playbook_dir)
    known = {record.rule_id for record in rule_records(tried)}
    if rule is not None and rule not in known:
        raise UnusableInputError("--rule", f"the id of a rule in {directory.name}", repr(rule))
    opinion = load_opinion() if settings.assist.second_opinion else None
    trial = PlaybookTrial(tried, in_force, examples, opinion)
    with _database(settings) as database:
        try_playbook(database, trial, begin)
    report = TrialReport(trial, tried.version, in_force.version, rule, show_text)
    lines = (json.dumps(row, ensure_ascii=False) for row in report.as_json()) if as_json else report.as_text()
    for line in lines:
        sys.stdout.write(line + "\n")
    return OK


@app.command()
def copy(directory: Annotated[Path, typer.Argument(help="A folder that is not there yet.")]) -> int:
    """Copy the built-in playbook, to make it one's own."""
    from koemori.assist.playbooks.load import BUILT_IN

    if directory.exists():
        raise UnusableInputError(str(directory), "a folder that is not there yet", "one that is")
    shutil.copytree(BUILT_IN, directory, ignore=shutil.ignore_patterns("__pycache__"))
    return OK


@app.command()
def schema(
    out: Annotated[
        Path | None, typer.Option(help="Write a file per kind here, and a .taplo.toml that names them.")
    ] = None,
) -> int:
    """JSON Schema of a playbook's files, so that editors complete and check them."""
    from koemori.assist.playbooks.sketch import file_kinds

    kinds = file_kinds()
    if out is None:
        sys.stdout.write(json.dumps({kind.glob: kind.schema for kind in kinds}, ensure_ascii=False) + "\n")
        return OK
    out.mkdir(parents=True, exist_ok=True)
    rules = []
    for kind in kinds:
        name = f"{kind.name}.schema.json"
        text = json.dumps(kind.schema, ensure_ascii=False, indent=1)
        (out / name).write_text(text + "\n", encoding="utf-8")
        rules.append(
            f'[[rule]]\ninclude = ["**/{kind.glob}"]\n[rule.schema]\nenabled = true\npath = "{name}"\n'
        )
    (out / ".taplo.toml").write_text("\n".join(rules), encoding="utf-8")
    sys.stderr.write(f"{len(kinds)} schemas and .taplo.toml written\n")
    return OK


def _playbook_folder(directory: Path | None, settings: Settings) -> Path:
    from koemori.assist.playbooks.load import BUILT_IN, DETECTION_LOCALE

    root = directory or settings.assist.playbook_dir or BUILT_IN
    if not (root / DETECTION_LOCALE).is_dir():
        came = "a folder without one" if root.is_dir() else "a file" if root.exists() else "no such folder"
        raise UnusableInputError(str(root), f"a playbook's folder, with {DETECTION_LOCALE}/ in it", came)
    return root


def _moment(since: str) -> datetime:
    """The moment that `--since` names: a local day or moment, or so many days before now."""
    now = datetime.now().astimezone()
    days = _DAYS.fullmatch(since)
    try:
        if days is not None:
            return now - timedelta(days=int(days.group(1)))
        moment = datetime.fromisoformat(since)
    except (ValueError, OverflowError):
        raise UnusableInputError("--since", "a day such as 2026-11-01, or 90d", repr(since)) from None
    return moment if moment.tzinfo is not None else moment.astimezone()


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    from koemori.server.db import schema as db_schema
    from koemori.server.db.engine import Database

    if db_schema.current_revision(settings.database.url) is None:
        raise UnusableInputError("database", "one with calls in it", "none, or an empty one")
    database = Database(settings.database.url)
    try:
        db_schema.check(database.engine)
        yield database
    finally:
        database.close()
