"""Every kind of trunk, as the settings file knows it; one line each."""

from __future__ import annotations

from typing import Annotated

from koemori.server.capture.audiohook_settings import AudioHookTrunk
from koemori.server.capture.audiosocket_settings import AudioSocketTrunk
from koemori.server.capture.chan_websocket_settings import ChanWebsocketTrunk
from koemori.server.capture.freeswitch_settings import FreeswitchTrunk
from koemori.server.capture.rtp_settings import RtpTrunk
from koemori.server.capture.siprec_settings import SiprecTrunk
from koemori.server.capture.stream_settings import StreamTrunk
from koemori.server.capture.whip_settings import WhipTrunk
from pydantic import Field

TrunkConfig = Annotated[
    AudioHookTrunk
    | AudioSocketTrunk
    | ChanWebsocketTrunk
    | FreeswitchTrunk
    | RtpTrunk
    | SiprecTrunk
    | StreamTrunk
    | WhipTrunk,
    Field(discriminator="kind"),
]
"""One section `[trunks.<name>]`."""
