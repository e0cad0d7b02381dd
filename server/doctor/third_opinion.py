"""Whether a language model is asked for a third opinion, whether it answers, and where texts go for it."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from koemori.server.config import Settings, ThirdOpinionSettings
from koemori.server.doctor.findings import Finding

_PATIENCE_S: Final = 5.0
_NAME: Final = "opinion"
_REFUSED: Final = (401, 403)


def check_third_opinion(settings: Settings) -> Finding:
    """Ask the endpoint for its models; no text of a call is sent.

    Raises:
        SettingsError: The file with the key cannot be read.
    """
    chosen = settings.assist.third_opinion
    if chosen.url is None:
        return Finding(_NAME, "ok", "no third opinion; no text leaves this machine")
    status, models, trouble = asyncio.run(_listed(chosen))
    came = f"{chosen.model} at {chosen.host}"
    figures = {"host": chosen.host, "model": chosen.model, "is_here": chosen.is_here, "status": status}
    if trouble:
        advice = "start the service or correct [assist.third_opinion] url; calls go on without it"
        return Finding(
            _NAME, "warning", f"{came}: not reached ({trouble}); {_where(chosen)}", advice, figures
        )
    if status in _REFUSED:
        advice = "correct the key in [assist.third_opinion] api_key_file"
        return Finding(
            _NAME, "failed", f"{came}: refuses the key ({status}); {_where(chosen)}", advice, figures
        )
    if models is not None and not models & {chosen.model, f"{chosen.model}:latest"}:
        advice = "name one of its models in [assist.third_opinion] model"
        return Finding(_NAME, "warning", f"{came}: lists no such model; {_where(chosen)}", advice, figures)
    said = f"{came}: reachable" if models is not None else f"{came}: answers ({status}), lists no models"
    if not chosen.is_here and not chosen.retention_note.strip():
        advice = "agree with the provider how long it keeps texts and note it as retention_note"
        return Finding(_NAME, "warning", f"{said}; {_where(chosen)}", advice, figures)
    return Finding(_NAME, "ok", f"{said}; {_where(chosen)}", figures=figures)


def _where(chosen: ThirdOpinionSettings) -> str:
    if chosen.is_here:
        return "redacted texts of doubtful utterances stay on this machine"
    note = f" (retention: {chosen.retention_note.strip()})" if chosen.retention_note.strip() else ""
    return f"redacted texts of doubtful utterances LEAVE THIS MACHINE for {chosen.host}{note}"


async def _listed(chosen: ThirdOpinionSettings) -> tuple[int | None, frozenset[str] | None, str]:
    """Status, names of the models where they are told, and what went wrong."""
    import httpx
    from koemori.server.calls.third_opinion import MOST_ANSWER_BYTES, client_of

    try:
        async with (
            asyncio.timeout(_PATIENCE_S),
            client_of(chosen, _PATIENCE_S) as client,
            client.stream("GET", "models") as response,
        ):
            read = bytearray()
            async for part in response.aiter_raw():
                read += part
                if len(read) > 16 * MOST_ANSWER_BYTES:
                    return response.status_code, None, ""
    except TimeoutError:
        return None, None, "no answer in time"
    except (httpx.HTTPError, httpx.StreamError) as error:
        return None, None, type(error).__name__
    return response.status_code, _names(bytes(read)) if response.is_success else None, ""


def _names(body: bytes) -> frozenset[str] | None:
    try:
        said: Any = json.loads(body)
        return frozenset(str(model["id"]) for model in said["data"])
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
