"""A recording for reuse: redacted words and sound; a purpose and a custody entry come first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse
from koemori.server import reuse
from koemori.server.api.custody import granted, new_access, new_read
from koemori.server.api.dependencies import OnRecording, Parts, RecordingRequires, utc_now
from koemori.server.api.errors import ApiError, responses
from koemori.server.api.reuse_schemas import RedactedUtterance, ReuseGrant, ReuseNote, ReuseRequest
from koemori.server.archive.errors import ArchiveError
from koemori.server.archive.manifest import MASTER_NAME
from koemori.server.auth.permissions import Action

_CHUNK_BYTES = 1 << 16

router = APIRouter(tags=["recordings"])
_REUSE = Depends(RecordingRequires(Action.RECORDING_REUSE))


@router.post(
    "/recordings/{recording_id}/reuses",
    operation_id="createReuse",
    status_code=201,
    responses=responses(401, 403, 404, 422),
)
def create_reuse(given: ReuseRequest, parts: Parts, on: OnRecording = _REUSE) -> ReuseGrant:
    """Say what the call is reused for; the answer holds its redacted words and where its sound is."""
    row = new_access(on.view.recording.recording_id, on.identity, "reuse", given.purpose, utc_now())
    with parts.database.write() as transaction:
        transaction.add(row)
    call = reuse.reusable_call(parts.database, on.view)
    return ReuseGrant(
        access_id=row.access_id,
        audio_url=f"/api/v1/recordings/{row.recording_id}/redacted?access={row.access_id}",
        transcript=[RedactedUtterance.model_validate(line) for line in call.transcript()],
        note=ReuseNote.model_validate(reuse.note(call, None, row.access_id)),
    )


@router.get(
    "/recordings/{recording_id}/redacted",
    operation_id="getRedacted",
    response_class=StreamingResponse,
    responses={
        200: {"description": "The redacted rendition", "content": {"audio/flac": {}}},
        **responses(401, 403, 404, 409, 410, 422),
    },
)
def get_redacted(
    parts: Parts,
    access: str = Query(max_length=64, description="`access_id` of a reuse."),
    on: OnRecording = _REUSE,
) -> Response:
    """The redacted sound, FLAC, made anew each time; leaves a custody entry before its first byte."""
    recording_id = on.view.recording.recording_id
    now = utc_now()
    row = granted(parts.database, access, recording_id, on.identity, "reuse", now)
    call = reuse.reusable_call(parts.database, on.view)
    try:
        stream, size_bytes = _made(call, parts.archive.file_path(recording_id, MASTER_NAME))
    except ArchiveError:
        raise ApiError("recording-unreadable", "The stored audio cannot be read; verify it.") from None
    with parts.database.write() as transaction:
        transaction.add(new_read(row, 0, size_bytes - 1, now))
    headers = {"Cache-Control": "no-store", "Content-Length": str(size_bytes)}
    return StreamingResponse(_chunks(stream), media_type="audio/flac", headers=headers)


def _made(call: reuse.ReusableCall, master: Path) -> tuple[BinaryIO, int]:
    """The rendition as an open file that has no name any more, and its size."""
    with TemporaryDirectory(prefix="koemori-redacted-") as folder:
        path = Path(folder) / reuse.AUDIO_NAME
        reuse.write_audio(call, master, path)
        return path.open("rb"), path.stat().st_size


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    with stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk
