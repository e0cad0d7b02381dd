"""FreeSWITCH `mod_audio_fork` and `mod_audio_stream`: metadata, then bare 16-bit PCM. No I/O.

The first text is whatever the dial plan gives, here JSON; audio is little-endian, mono or two channels
interleaved (channel 0 is who `mono` would be: the leg that is forked), in binary messages of any length.
Nothing has a timestamp: audio is placed by count and arrival (`counted`).

Source: github.com/drachtio/drachtio-freeswitch-modules, modules/mod_audio_fork/README.md;
github.com/amigniter/mod_audio_stream, README.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from koemori.audio.call import ChannelRole
from koemori.audio.ingest.counted import Samples
from koemori.audio.ingest.stream_start import kind_of, refuse, short_text

RATES_HZ = (8_000, 16_000, 24_000, 32_000, 48_000)


@dataclass(frozen=True, slots=True)
class ForkFacts:
    """What the metadata of a fork says; everything may be missing.

    Attributes:
        join: Name under which forks of the legs of one call are joined.
        rate_hz: Of the audio.
        channels: 1 or 2.
        role: Whose voice a mono fork, or channel 0, carries.
        external_ids: Names of the call.
        agent_id: User name of the agent.
        customer_number: The caller's.
        queue: Of the call.
    """

    join: str | None = None
    rate_hz: int | None = None
    channels: int | None = None
    role: ChannelRole | None = None
    external_ids: Mapping[str, str] = field(default_factory=dict)
    agent_id: str | None = None
    customer_number: str | None = field(default=None, repr=False)
    queue: str | None = None


_IDS = {"uuid": "channel_uuid", "callid": "sip_call_id", "call_id": "call_id", "call_sid": "call_sid"}
_MIXES = {"mono": 1, "mixed": 1, "stereo": 2}


def read_metadata(text: str) -> ForkFacts:
    """Understand the first text of a fork; text that is not JSON says nothing.

    Keys: `uuid`, `callid`, `call_id`, `call_sid`, `join`, `rate`, `mix` (mono, mixed, stereo), `role` (agent,
    customer), `agent`, `queue`, `from`.

    Raises:
        MediaMessageError: A rate, mix or role that we do not know; always `fatal`.
    """
    given = _object(text)
    rate_hz, mix, role = given.get("rate"), given.get("mix"), given.get("role")
    known = {str(rate): rate for rate in RATES_HZ}
    rate_hz = known.get(str(rate_hz)[:8]) if isinstance(rate_hz, int | str) else None
    if "rate" in given and rate_hz is None:
        refuse(f"a rate of {RATES_HZ}", kind_of(given["rate"]), fatal=True)
    if mix is not None and (not isinstance(mix, str) or mix not in _MIXES):
        refuse(f"a mix of {sorted(_MIXES)}", kind_of(mix), fatal=True)
    if role is not None and role not in ("agent", "customer"):
        refuse("agent or customer as role", kind_of(role), fatal=True)
    ids = {ours: short_text(given.get(theirs)) for theirs, ours in _IDS.items()}
    return ForkFacts(
        join=short_text(given.get("join")),
        rate_hz=rate_hz,
        channels=None if mix is None else _MIXES[mix],
        role=None if role is None else ChannelRole(role),
        external_ids={key: value for key, value in ids.items() if value},
        agent_id=short_text(given.get("agent")),
        customer_number=short_text(given.get("from")),
        queue=short_text(given.get("queue")),
    )


class PcmFraming:
    """Binary messages of any length → whole samples of each channel; what is left over waits for the next."""

    def __init__(self, channels: int) -> None:
        """Begin with an empty rest."""
        self._channels = channels
        self._rest = b""

    def push(self, payload: bytes) -> list[Samples]:
        """Return one int16 array per channel, all of shape `(n,)`."""
        joined = self._rest + payload
        whole = len(joined) - len(joined) % (2 * self._channels)
        self._rest = joined[whole:]
        samples = np.frombuffer(joined[:whole], dtype="<i2").reshape(-1, self._channels)
        return [np.array(samples[:, channel], dtype=np.int16) for channel in range(self._channels)]


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
