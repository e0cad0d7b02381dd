"""The archive's errors.

KoemoriError
└── ArchiveError
    ├── SealError            a recording that could not be sealed; its journal stays
    ├── RecordingStoreError  a recording that is not there, or is there already
    └── RenditionError       a redacted rendition that could not be made
        └── RenditionBusyError   one that cannot be made now: others wait for theirs
"""

from __future__ import annotations

from koemori.audio.errors import KoemoriError


class ArchiveError(KoemoriError):
    """Something about stored recordings."""

    code = "archive"


class SealError(ArchiveError):
    """A recording could not be sealed. Nothing was stored and its journal is untouched."""

    code = "seal"


class RecordingStoreError(ArchiveError):
    """A stored recording is missing, exists already, or was asked for by an impossible name."""

    code = "recording-store"


class RenditionError(ArchiveError):
    """A redacted rendition could not be made. The master is untouched."""

    code = "rendition"


class RenditionBusyError(RenditionError):
    """A redacted rendition cannot be made now, since too many others are waited for."""

    code = "rendition-busy"
