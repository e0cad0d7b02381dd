"""Hearing a recording: a purpose first, a custody entry before the first byte, then the sound in ranges."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from koemori.server.api.byte_ranges import ByteRange, RangeError, range_header, read_range, served_headers
from koemori.server.api.custody import granted, new_access, new_read
from koemori.server.api.dependencies import OnRecording, Parts, RecordingRequires, utc_now
from koemori.server.api.errors import ApiError, responses
from koemori.server.api.schemas import AccessGrant, AccessRequest, Waveform
from koemori.server.archive.errors import RecordingStoreError
from koemori.server.archive.flac import peaks
from koemori.server.archive.manifest import MASTER_NAME, DecodeError
from koemori.server.auth.permissions import Action

_FULL_SCALE = 32768.0

router = APIRouter(tags=["recordings"])
_READ = Depends(RecordingRequires(Action.RECORDING_READ))
_PLAY = Depends(RecordingRequires(Action.RECORDING_PLAY))


@router.post(
    "/recordings/{recording_id}/accesses",
    operation_id="createAccess",
    status_code=201,
    responses=responses(401, 403, 404, 422),
)
def create_access(given: AccessRequest, parts: Parts, on: OnRecording = _PLAY) -> AccessGrant:
    """Say why the recording is to be heard; the answer says where it is heard."""
    row = new_access(on.view.recording.recording_id, on.identity, given.action, given.purpose, utc_now())
    with parts.database.write() as transaction:
        transaction.add(row)
    path = f"/api/v1/recordings/{row.recording_id}/accesses/{row.access_id}/audio"
    return AccessGrant(access_id=row.access_id, audio_url=path)


@router.get(
    "/recordings/{recording_id}/accesses/{access_id}/audio",
    operation_id="getAudio",
    response_class=StreamingResponse,
    responses={
        200: {"description": "The whole master", "content": {"audio/flac": {}}},
        206: {"description": "The range asked for", "content": {"audio/flac": {}}},
        **responses(401, 403, 404, 409, 410, 416),
    },
)
def get_audio(request: Request, access_id: str, parts: Parts, on: OnRecording = _PLAY) -> Response:
    """The master, FLAC; each range leaves its own custody entry before its first byte goes out."""
    recording = on.view.recording
    now = utc_now()
    access = granted(parts.database, access_id, recording.recording_id, on.identity, "play", now)
    try:
        size_bytes = parts.archive.file_size(recording.recording_id, MASTER_NAME)
    except RecordingStoreError:
        raise _missing() from None
    etag = f'"{recording.manifest_sha256}"'
    try:
        part = read_range(range_header(request.headers, etag), size_bytes)
    except RangeError as error:
        headers = {"Content-Range": f"bytes */{size_bytes}"}
        raise ApiError(error.code, str(error), headers=headers) from None
    served = part or ByteRange(0, size_bytes - 1, size_bytes)
    with parts.database.write() as transaction:
        transaction.add(new_read(access, served.first, served.last, now))
    headers = served_headers(part, served, etag)
    return StreamingResponse(
        parts.archive.read_range(recording.recording_id, MASTER_NAME, served.first, served.last + 1),
        status_code=200 if part is None else 206,
        media_type="audio/flac",
        headers=headers,
    )


@router.get(
    "/recordings/{recording_id}/waveform",
    operation_id="getWaveform",
    responses=responses(401, 403, 404, 409, 422),
)
def get_waveform(
    parts: Parts, points: Annotated[int, Query(ge=10, le=4000)] = 1200, on: OnRecording = _READ
) -> Waveform:
    """Loudness of both sides for drawing; at most `points` pairs a channel."""
    recording = on.view.recording
    try:
        found = peaks(parts.archive.file_path(recording.recording_id, MASTER_NAME), points)
    except RecordingStoreError:
        raise _missing() from None
    except DecodeError as error:
        raise ApiError("recording-unreadable", "The stored audio cannot be decoded; verify it.") from error
    channels = [[round(level / _FULL_SCALE, 4) for pair in channel for level in pair] for channel in found]
    return Waveform(
        duration_ms=recording.duration_ms,
        points=len(channels[0]) // 2 if channels else 0,
        channels=channels,
    )


def _missing() -> ApiError:
    return ApiError("recording-unreadable", "The stored audio is not at its place; verify the recording.")
