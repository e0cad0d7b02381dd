"""`koemori replay`: files as live calls through the whole pipeline, without a server; events on stdout."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from koemori.audio.call import ChannelRole
from koemori.server.commands.exits import INTERRUPTED, OK, UNUSABLE, UnusableInputError
from koemori.server.commands.options import ArchiveOption, ConfigOption, quiet_logging, settings_for

if TYPE_CHECKING:
    from koemori.audio.ingest.replay import ReplaySource
    from koemori.server.calls.ports import Pace
    from koemori.server.calls.session import CallSession
    from koemori.server.config import Settings

ROLES = {
    "agent,customer": (ChannelRole.AGENT, ChannelRole.CUSTOMER),
    "customer,agent": (ChannelRole.CUSTOMER, ChannelRole.AGENT),
    "mono": (ChannelRole.UNKNOWN,),
}


def replay(
    files: Annotated[list[Path], typer.Argument(help="WAV or FLAC, 8-48 kHz, 1-2 channels.")],
    roles: Annotated[
        str | None,
        typer.Option(help="agent,customer (as for stereo by default), customer,agent, or mono."),
    ] = None,
    speed: Annotated[
        str, typer.Option(help="1 paces like a phone line, N is N times as fast, or max.")
    ] = "1",
    model: Annotated[str | None, typer.Option(help="Model folder, catalogue name or hub id.")] = None,
    archive: ArchiveOption = None,
    config: ConfigOption = None,
) -> int:
    """Play each file as a live call; events on stdout, recordings into the archive."""
    settings = settings_for(config, archive=archive, model=model)
    quiet_logging(settings)
    pace_of_time = parse_speed(speed)
    chosen = parse_roles(roles)
    sources = _open_sources(files, chosen, pace_of_time)
    return asyncio.run(_replay_all(sources, settings, _pace(pace_of_time)))


def parse_speed(text: str) -> float | None:
    """Speed as a number above 0, or None for `max`."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 1000:
        raise UnusableInputError("--speed", "1, another number above 0 (at most 1000), or max", repr(text))
    return speed


def parse_roles(text: str | None) -> tuple[ChannelRole, ...] | None:
    """Roles in the file's channel order; None leaves the choice to the file."""
    if text is None:
        return None
    if text not in ROLES:
        raise UnusableInputError("--roles", " or ".join(ROLES), repr(text))
    return ROLES[text]


def _pace(speed: float | None) -> Pace:
    from koemori.server.calls.ports import Pace

    if speed is None:
        return Pace.HELD
    return Pace.LIVE if speed == 1 else Pace.SCALED


def _open_sources(
    files: list[Path], roles: tuple[ChannelRole, ...] | None, speed: float | None
) -> list[ReplaySource]:
    """Check every file before the first call begins."""
    from koemori.audio.ingest.replay import ReplaySource

    return [ReplaySource(path, roles, speed) for path in files]


async def _replay_all(sources: list[ReplaySource], settings: Settings, pace: Pace) -> int:
    from koemori.server.archive.recover import recover
    from koemori.server.calls.pipeline import Pipeline
    from koemori.server.calls.session import CallSession, SessionLimits
    from koemori.server.calls.stdout import JsonLinesSink
    from koemori.server.progress import ProgressLine
    from koemori.server.telemetry import Metrics

    metrics = Metrics()
    progress = ProgressLine()
    await asyncio.to_thread(recover, settings.archive.directory)
    pipeline = await Pipeline.open(settings, metrics, progress)
    progress.end()
    sink = JsonLinesSink(sys.stdout)
    assist = settings.assist
    limits = SessionLimits(assist.queue_ms, assist.drain_s, assist.locale, settings.masking.plan())
    interruption = _Interruption()
    code = OK
    try:
        for source in sources:
            session = CallSession(pipeline.ports, sink, metrics, pace, limits)
            interruption.watch(session)
            ended = await session.run(source)
            if source.error is not None:
                sys.stderr.write(f"koemori: {source.error}\n")
                code = UNUSABLE
            if ended.recording is None:
                sys.stderr.write(
                    "koemori: recording: expected to be sealed; got an error, run koemori recover\n"
                )
                code = UNUSABLE
            if interruption.came or sink.broken.is_set():
                return INTERRUPTED
    finally:
        interruption.end()
        await pipeline.aclose()
        await asyncio.to_thread(sink.close)
    return code


class _Interruption:
    """SIGINT and SIGTERM end the running call properly: sealed, with `call_ended`."""

    def __init__(self) -> None:
        self.came = False
        self.session: CallSession | None = None
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._stop)

    def watch(self, session: CallSession) -> None:
        """End this call when a signal comes, or at once when one came already."""
        self.session = session
        if self.came:
            session.stop("interrupted")

    def _stop(self) -> None:
        self.came = True
        if self.session is not None:
            self.session.stop("interrupted")

    def end(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.remove_signal_handler(number)
