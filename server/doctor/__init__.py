"""What can be wrong with a machine before the first call, what to do about it, and what it can carry."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from koemori.audio.errors import KoemoriError
from koemori.server.config import Settings
from koemori.server.doctor import machine
from koemori.server.doctor.findings import Finding
from koemori.server.doctor.recognition import Recognition
from koemori.server.doctor.third_opinion import check_third_opinion

__all__ = ["Finding", "examine"]

Check = tuple[str, Callable[[], Finding]]


def examine(settings: Settings, quick: bool = False) -> Iterator[Finding]:
    """Run every check in turn; one that breaks is a failed check.

    Args:
        settings: What the service would run with.
        quick: Leave out what takes seconds: measuring the models.
    """
    for name, check in _checks(settings, quick):
        try:
            yield check()
        except KoemoriError as error:
            yield Finding(name, "failed", str(error), "correct what the sentence names")
        except OSError as error:
            yield Finding(name, "failed", os.strerror(error.errno or 0), "check the path and its permissions")


def _checks(settings: Settings, quick: bool) -> tuple[Check, ...]:
    return (
        ("port", lambda: machine.check_port(settings)),
        ("disk", lambda: machine.check_disk(settings)),
        ("journal", lambda: machine.check_journal(settings)),
        ("clock", machine.check_clock),
        ("codecs", machine.check_codecs),
        ("database", lambda: machine.check_database(settings)),
        ("web", machine.check_web_pages),
        *(_of_assistance(settings, quick) if settings.assist.enabled else (("recognition", _off),)),
    )


def _of_assistance(settings: Settings, quick: bool) -> tuple[Check, ...]:
    hears = Recognition(settings, quick)
    return (
        ("weights", hears.check_weights),
        ("words", hears.check_words),
        ("device", hears.check_device),
        ("cpu", hears.check_cpu),
        ("capacity", hears.check_capacity),
        ("memory", hears.check_memory),
        ("speakers", hears.check_speakers),
        ("opinion", lambda: check_third_opinion(settings)),
    )


def _off() -> Finding:
    return Finding("recognition", "ok", "off; calls are recorded only")
