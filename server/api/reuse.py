"""A recording for reuse: redacted words and sound; a purpose and a custody entry come first."""

from __future__ import annotations

import hashlib
from functools import partial

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from koemori.server import reuse
from koemori.server.api.byte_ranges import ByteRange, RangeError, range_header, read_range, served_headers
from koemori.server.api.custody import granted, new_access, new_read
from koemori.server.api.dependencies import OnRecording, Parts, RecordingRequires, utc_now
from koemori.server.api.errors import ApiError, responses
from koemori.server.api.reuse_schemas import RedactedUtterance, ReuseGrant, ReuseNote, ReuseRequest
from koemori.server.archive.errors import ArchiveError, RenditionBusyError
from koemori.server.archive.manifest import MASTER_NAME
from koemori.server.auth.permissions import Action

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
        206: {"description": "The range asked for", "content": {"audio/flac": {}}},
        **responses(401, 403, 404, 409, 410, 416, 422, 503),
    },
)
def get_redacted(
    request: Request,
    parts: Parts,
    access: str = Query(max_length=64, description="`access_id` of a reuse."),
    on: OnRecording = _REUSE,
) -> Response:
    """The redacted sound, FLAC; each range leaves its own custody entry before its first byte goes out."""
    recording = on.view.recording
    now = utc_now()
    row = granted(parts.database, access, recording.recording_id, on.identity, "reuse", now)
    call = reuse.reusable_call(parts.database, on.view)
    key = _key(call, recording.manifest_sha256)
    try:
        master = parts.archive.file_path(recording.recording_id, MASTER_NAME)
        opened = parts.renditions.open(key, partial(reuse.write_audio, call, master))
    except RenditionBusyError as error:
        raise ApiError(error.code, "Others' redacted sound is being made; try again soon.") from None
    except ArchiveError:
        raise ApiError("recording-unreadable", "The stored audio cannot be read; verify it.") from None
    etag = f'"{key}"'
    try:
        part = read_range(range_header(request.headers, etag), opened.size_bytes)
        served = part or ByteRange(0, opened.size_bytes - 1, opened.size_bytes)
        with parts.database.write() as transaction:
            transaction.add(new_read(row, served.first, served.last, now))
    except RangeError as error:
        opened.close()
        headers = {"Content-Range": f"bytes */{opened.size_bytes}"}
        raise ApiError(error.code, str(error), headers=headers) from None
    except BaseException:
        opened.close()
        raise
    headers = served_headers(part, served, etag)
    return StreamingResponse(
        opened.chunks(served.first, served.last),
        status_code=200 if part is None else 206,
        media_type="audio/flac",
        headers=headers,
    )


def _key(call: reuse.ReusableCall, manifest_sha256: str) -> str:
    """What the rendition is made of: another name in the case makes another one."""
    return hashlib.sha256(f"{manifest_sha256} {call.audio!r}".encode()).hexdigest()
