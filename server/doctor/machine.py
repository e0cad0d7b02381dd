"""Whether this machine can record calls and serve them: port, disk, clock, codecs, database, pages."""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

from koemori.server.config import Settings
from koemori.server.doctor.findings import Finding

_LEAST_FREE_BYTES = 500 * 2**20
_COMFORTABLE_FREE_BYTES = 5 * 2**30
_BUILT_AFTER = datetime(2026, 1, 1, tzinfo=UTC)
_SYNC_ROUNDS = 15
_SYNC_BYTES = 64_000
_SLOW_SYNC_MS = 100.0
_SYNC_LIMIT_MS = 150.0
"""Above this the promise of at most 250 ms lost (100 ms between syncs and the sync itself) cannot be kept."""


def check_port(settings: Settings) -> Finding:
    """The service's port can be had."""
    host, port = settings.server.host, settings.server.port
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            advice = "stop the other program, or set [server] port"
            return Finding("port", "failed", f"{host}:{port}: {error.strerror}", advice)
    return Finding("port", "ok", f"{host}:{port} is free")


def check_disk(settings: Settings) -> Finding:
    """There is room for recordings; 8 kHz stereo takes about 70 MB an hour."""
    free_bytes = shutil.disk_usage(_existing(settings.archive.directory)).free
    came = f"{free_bytes // 2**20} MB free, about {free_bytes // (70 * 2**20)} hours of calls"
    if free_bytes < _LEAST_FREE_BYTES:
        return Finding("disk", "failed", came, "free some space, or move [archive] directory")
    if free_bytes < _COMFORTABLE_FREE_BYTES:
        return Finding("disk", "warning", came, "plan for more space")
    return Finding("disk", "ok", came)


def check_journal(settings: Settings) -> Finding:
    """How long the disk takes to make a journal write durable."""
    directory = _existing(settings.archive.directory)
    path = directory / f".koemori-doctor-{os.getpid()}"
    times_ms = []
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        for _ in range(_SYNC_ROUNDS):
            os.write(descriptor, b"\0" * _SYNC_BYTES)
            begun_s = time.monotonic()
            os.fdatasync(descriptor)
            times_ms.append((time.monotonic() - begun_s) * 1000)
    finally:
        os.close(descriptor)
        path.unlink()
    worst_ms = max(times_ms)
    came = f"sync takes {statistics.median(times_ms):.1f} ms, at worst {worst_ms:.1f} ms"
    if worst_ms > _SYNC_LIMIT_MS:
        return Finding("journal", "failed", came, "put the archive on a faster local disk")
    if worst_ms > _SLOW_SYNC_MS:
        return Finding("journal", "warning", came, "prefer a faster local disk")
    return Finding("journal", "ok", came)


def check_clock() -> Finding:
    """Wall time is plausible and runs like the monotonic clock."""
    now = datetime.now(UTC)
    if now < _BUILT_AFTER:
        return Finding(
            "clock", "failed", now.isoformat(timespec="seconds"), "set the clock; run an NTP client"
        )
    wall, monotonic = time.time(), time.monotonic()
    time.sleep(0.2)
    drift_ms = abs((time.time() - wall) - (time.monotonic() - monotonic)) * 1000
    came = f"{now.isoformat(timespec='seconds')}, {drift_ms:.2f} ms off in 200 ms"
    if drift_ms > 5:
        return Finding("clock", "warning", came, "the clock is being adjusted; run an NTP client")
    return Finding("clock", "ok", came)


def check_codecs() -> Finding:
    """FLAC and WAV can be written and read, and resampling works."""
    import soundfile
    from koemori.audio.resample import ChannelResampler

    formats = soundfile.available_formats()
    absent = [name for name in ("FLAC", "WAV") if name not in formats]
    if absent:
        return Finding("codecs", "failed", f"no {' or '.join(absent)}", "install libsndfile 1.1 or newer")
    ChannelResampler(8000).flush()
    return Finding("codecs", "ok", f"libsndfile {soundfile.__libsndfile_version__} with FLAC and WAV")


def check_database(settings: Settings) -> Finding:
    """The database exists and has this version's schema."""
    from koemori.server.db import schema
    from koemori.server.db.engine import make_engine
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    url = make_url(settings.database.url)
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        return Finding("database", "ok", "none yet; the first start makes it")
    engine = make_engine(settings.database.url)
    try:
        schema.check(engine)
    except SQLAlchemyError as error:
        return Finding("database", "failed", type(error).__name__, "check [database] url")
    finally:
        engine.dispose()
    return Finding("database", "ok", "at the newest schema")


def check_web_pages() -> Finding:
    """The desks were built into the package."""
    page = Path(__file__).parents[1] / "web" / "dist" / "index.html"
    if not page.is_file():
        return Finding("web", "warning", "the web page is not built", "make web")
    return Finding("web", "ok", "built")


def _existing(directory: Path) -> Path:
    """The nearest folder that is there already."""
    path = directory.resolve()
    while not path.is_dir():
        path = path.parent
    return path
