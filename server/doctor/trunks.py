"""`koemori doctor trunks`: what is wrong with the lines by which calls come in, from settings and counters.

The running service is asked for `/metrics`, which needs no secret; where it does not answer, only the
settings are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import httpx
from koemori.server.capture.faults import Trunk, TrunkFinding, judge
from koemori.server.capture.places import listens_at
from koemori.server.capture.trunk import TrunkStatus
from koemori.server.capture.trunk_metrics import PREFIX
from koemori.server.config import Settings
from koemori.server.doctor.findings import Finding
from koemori.server.doctor.trunk_settings import check_settings
from prometheus_client.parser import text_string_to_metric_families

Language = Literal["ja", "en"]
_PATIENCE_S = 5.0
_MOST_BYTES = 4 * 2**20
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened at


@dataclass(slots=True)
class Standing:
    """What the running service counts.

    Attributes:
        statuses: Trunk → its counters; None where no service answers.
        came: Why it does not.
    """

    statuses: Mapping[str, TrunkStatus] | None
    came: str = ""


def ask_service(settings: Settings) -> Standing:
    """Read the counters of the service that these settings belong to."""
    host = _ANYWHERE.get(settings.server.host, settings.server.host)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{settings.server.port}/metrics"
    try:
        with (
            httpx.Client(timeout=_PATIENCE_S, trust_env=False) as client,
            client.stream("GET", url) as answer,
        ):
            text = bytearray()
            for part in answer.iter_bytes():
                text += part
                if len(text) > _MOST_BYTES:
                    return Standing(None, "more than any service says")
    except httpx.HTTPError as error:
        return Standing(None, type(error).__name__)
    if answer.status_code != httpx.codes.OK:
        return Standing(None, f"HTTP {answer.status_code}")
    try:
        return Standing(read_standing(text.decode("utf-8", "replace"), datetime.now(UTC)))
    except ValueError:
        return Standing(None, "another program's text")


def read_standing(text: str, now: datetime) -> dict[str, TrunkStatus]:
    """Counters of each trunk from the text of `/metrics`.

    Raises:
        ValueError: It is no such text.
    """
    found: dict[str, TrunkStatus] = {}
    for family in text_string_to_metric_families(text):
        if not family.name.startswith(PREFIX):
            continue
        for sample in family.samples:
            if (trunk := sample.labels.get("trunk")) and not sample.name.endswith("_created"):
                status = found.setdefault(trunk, TrunkStatus())
                _note(status, sample.name.removeprefix(f"{PREFIX}_"), sample.labels, sample.value, now)
    return found


def _note(status: TrunkStatus, name: str, labels: Mapping[str, str], value: float, now: datetime) -> None:
    match name:
        case "calls_live":
            status.calls_live = round(value)
        case "calls_total":
            status.calls_taken = round(value)
        case "problems_total":
            status.problems[labels["problem"]] = round(value)
        case "refusals_total":
            status.refused[labels["reason"]] = round(value)
        case "open_age_seconds":
            status.opened_at = now - timedelta(seconds=value)
        case "last_call_age_seconds":
            status.last_call_at = now - timedelta(seconds=value)
        case "last_media_age_seconds":
            status.last_media_at = now - timedelta(seconds=value)


@dataclass(slots=True)
class TrunkRounds:
    """Looks at the trunks again and again; what was said is repeated only when there is more of it."""

    settings: Settings
    language: Language = "ja"
    _said: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def look(self) -> Iterator[Finding]:
        """One round: first the service, then each trunk."""
        standing, now = ask_service(self.settings), datetime.now(UTC)
        first = not self._said
        if first or standing.statuses is None:
            yield self._service(standing)
        for name, settings in self.settings.trunks.items():
            trunk = Trunk(name, settings, self.settings.server.public_url)
            running = standing.statuses is not None
            found = check_settings(trunk, self.settings.trunks, now, running=running) if first else []
            status = (standing.statuses or {}).get(name)
            if status is not None:
                found += judge(trunk, status, now)
            new = [finding for finding in found if self._is_new(name, finding)]
            yield from (self._finding(name, finding) for finding in new)
            if first and not new:
                yield self._well(trunk, status)
        self._said.setdefault(("", "", ""), 0)

    def _is_new(self, name: str, finding: TrunkFinding) -> bool:
        key = (name, finding.on, finding.code)
        before, self._said[key] = self._said.get(key, -1), finding.count
        return finding.count > before

    def _finding(self, name: str, finding: TrunkFinding) -> Finding:
        came = getattr(finding.came, self.language)
        advice = getattr(finding.advice, self.language)
        figures = {"code": finding.code, "on": finding.on, "count": finding.count}
        return Finding(name, "failed" if finding.grave else "warning", came, advice, figures)

    def _well(self, trunk: Trunk, status: TrunkStatus | None) -> Finding:
        places = ", ".join(listens_at(trunk.name, trunk.settings, trunk.public_url))
        if status is None:
            said = {
                "ja": f"設定に問題は見当たりません（{places}）",
                "en": f"nothing wrong with the settings ({places})",
            }
            return Finding(trunk.name, "ok", said[self.language])
        said = {
            "ja": f"{places}：通話中{status.calls_live}、起動から{status.calls_taken}件",
            "en": f"{places}: {status.calls_live} calls now, {status.calls_taken} since the start",
        }
        return Finding(trunk.name, "ok", said[self.language], figures={"calls_live": status.calls_live})

    def _service(self, standing: Standing) -> Finding:
        if standing.statuses is not None:
            said = {"ja": "サービスは動いています", "en": "the service runs"}
            return Finding("service", "ok", said[self.language])
        said = {
            "ja": f"サービスが応えません（{standing.came}）。設定だけを確かめます",
            "en": f"the service does not answer ({standing.came}); only the settings are looked at",
        }
        advice = {
            "ja": "koemori serve を起動すると、通話の様子も確かめられます",
            "en": "start koemori serve to see how calls do",
        }
        return Finding("service", "warning", said[self.language], advice[self.language])


def language_of(environment: Mapping[str, str]) -> Language:
    """The language of whoever runs the command, by the usual variables."""
    named = next((environment[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(key)), "")
    return "en" if re.match(r"(?!ja)[A-Za-z]{2}[_.]", named) else "ja"
