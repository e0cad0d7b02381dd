"""`kind = "freeswitch"`: `mod_audio_fork` and `mod_audio_stream`."""

from __future__ import annotations

from typing import Literal

from koemori.audio.call import ChannelRole
from koemori.server.capture.socket_settings import LegSocketSettings

Role = Literal[ChannelRole.AGENT, ChannelRole.CUSTOMER, ChannelRole.UNKNOWN]


class FreeswitchTrunk(LegSocketSettings):
    """What FreeSWITCH is told to send, which the wire does not say; its metadata may say otherwise.

    Attributes:
        rate_hz: As in the command: `8k` or `16k`.
        mix: As in the command: `mono`, `mixed` or `stereo`.
        roles: Whose voice channel 0 and channel 1 carry; of `mono`, the first counts; of `mixed`, none.
    """

    kind: Literal["freeswitch"]
    rate_hz: Literal[8000, 16000, 24000, 32000, 48000] = 8000
    mix: Literal["mono", "mixed", "stereo"] = "stereo"
    roles: tuple[Role, Role] = (ChannelRole.CUSTOMER, ChannelRole.AGENT)
