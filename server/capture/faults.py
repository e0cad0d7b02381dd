"""What a trunk's counters mean, in words: each with what to do. The sentences are data (`faults.toml`).

`koemori doctor trunks` and the supervisors' page say the same, for both take their words from here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Literal

from koemori.server.capture.places import listens_at, media_at
from koemori.server.capture.settings import TrunkConfig
from koemori.server.capture.trunk import TrunkStatus
from koemori.server.config import MEDIA_TRUNK
from pydantic import BaseModel, ConfigDict

Source = Literal["standing", "problem", "refusal", "setting"]
_QUIET_AFTER = timedelta(minutes=10)


class Said(BaseModel):
    """A sentence in both languages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ja: str
    en: str


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    came: str
    advice: str


class Fault(BaseModel):
    """One row of the table.

    Attributes:
        code: As counted; may end with `*`.
        on: Which counter it stands in.
        grave: Whether calls are lost or spoiled by it.
        ja: In Japanese.
        en: In English.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str
    on: Source
    grave: bool
    ja: _Words
    en: _Words


class TrunkFinding(BaseModel):
    """What is to be said of a trunk."""

    code: str
    on: Source
    count: int
    grave: bool
    came: Said
    advice: Said


@dataclass(frozen=True, slots=True)
class Trunk:
    """A trunk whose standing is looked at.

    Attributes:
        name: Of it.
        settings: Of it.
        public_url: How the outside reaches the service's HTTP port, where it is known.
    """

    name: str
    settings: TrunkConfig
    public_url: str | None = None


def read_faults(text: str) -> tuple[Fault, ...]:
    """The rows of a table in TOML."""
    return tuple(Fault.model_validate(row) for row in tomllib.loads(text)["fault"])


@cache
def load_faults() -> tuple[Fault, ...]:
    """What is said of counters, in order: the first row that fits counts."""
    return read_faults(files("koemori.server.capture").joinpath("faults.toml").read_text(encoding="utf-8"))


def find_fault(on: Source, code: str) -> Fault:
    """The row for a counter's code; every counter has at least a general one."""
    return next(row for row in load_faults() if row.on == on and fnmatchcase(code, row.code))


def judge(trunk: Trunk, status: TrunkStatus, now: datetime) -> list[TrunkFinding]:
    """Everything there is to say of a trunk's standing: what spoils calls first."""
    found = [
        say(trunk, find_fault(on, code), code, count) for on, code, count in _counted(trunk, status, now)
    ]
    return sorted(found, key=lambda finding: (not finding.grave, -finding.count))


def _counted(trunk: Trunk, status: TrunkStatus, now: datetime) -> Iterator[tuple[Source, str, int]]:
    for code, count in status.problems.items():
        yield "problem", code, count
    for code, count in status.refused.items():
        yield "refusal", code, count
    by_itself = trunk.name == MEDIA_TRUNK and trunk.settings.model_fields_set <= {"kind"}  # may stay unused
    if not by_itself and not status.calls_taken and now - status.opened_at > _QUIET_AFTER:
        yield "standing", "never-called", 0


def say(trunk: Trunk, fault: Fault, code: str, count: int, **more: object) -> TrunkFinding:
    """Put what is known of a trunk, and `more`, into a row's sentences."""
    places = ", ".join(listens_at(trunk.name, trunk.settings, trunk.public_url))
    facts: dict[str, object] = {
        "code": code,
        "count": f"{count:,}",
        "trunk": trunk.name,
        "places": places,
        "media": media_at(trunk.settings) or places,
        "allow": ", ".join(str(network) for network in trunk.settings.allow),
        "public": trunk.public_url or "-",
        **more,
    }
    return TrunkFinding(
        code=code,
        on=fault.on,
        count=count,
        grave=fault.grave,
        came=Said(ja=fault.ja.came.format_map(facts), en=fault.en.came.format_map(facts)),
        advice=Said(ja=fault.ja.advice.format_map(facts), en=fault.en.advice.format_map(facts)),
    )
