"""The product's errors, and the audio branch of their tree.

    KoemoriError
    └── AudioError
        ├── AudioFileError        a file that cannot be played as a call
        ├── MediaMessageError     a media message that a peer sent and we cannot use
        ├── AudioSocketError      bytes on a connection that are not AudioSocket's
        ├── RtpPacketError        a datagram that is neither RTP nor RTCP, or SRTP that does not verify
        ├── MediaPortError        no UDP port is left for media
        ├── SipError              a SIP message, or a body of one, that cannot be used
        ├── OfferError            an offer of WebRTC media that cannot be answered
        └── JournalError          a journal that cannot be written or read

Each class has a stable `code`; facts are attributes; `str()` is one sentence that says what was expected
and what came. Nothing a person said, dialled or is called may enter an error's text.
"""

from __future__ import annotations


class KoemoriError(Exception):
    """Root of every error that Koemori raises on purpose."""

    code: str = "koemori"


class AudioError(KoemoriError):
    """Something about captured audio."""

    code = "audio"


class AudioFileError(AudioError):
    """A file that cannot be played as a call: `expected` and `came` say why."""

    code = "audio-file"

    def __init__(self, name: str, expected: str, came: str) -> None:
        super().__init__(f"{name}: expected {expected}; got {came}")
        self.name = name
        self.expected = expected
        self.came = came


class MediaMessageError(AudioError):
    """A media message that cannot be used; the stream goes on unless `fatal`."""

    code = "media-message"

    def __init__(self, expected: str, came: str, *, fatal: bool = False) -> None:
        super().__init__(f"media message: expected {expected}; got {came}")
        self.expected = expected
        self.came = came
        self.fatal = fatal


class OfferError(AudioError):
    """An offer of WebRTC media that cannot be answered."""

    code = "offer"

    def __init__(self, expected: str, came: str) -> None:
        super().__init__(f"offer: expected {expected}; got {came}")
        self.expected = expected
        self.came = came


class SipError(AudioError):
    """A SIP message, or a body of one, that cannot be used; `status` is the SIP answer that says so."""

    code = "sip"

    def __init__(self, status: int, expected: str, came: str) -> None:
        super().__init__(f"SIP: expected {expected}; got {came}")
        self.status = status
        self.expected = expected
        self.came = came


class RtpPacketError(AudioError):
    """A datagram that is not what a media port takes; it is counted and passed over."""

    code = "rtp-packet"

    def __init__(self, expected: str, came: str) -> None:
        super().__init__(f"RTP: expected {expected}; got {came}")
        self.expected = expected
        self.came = came


class MediaPortError(AudioError):
    """No pair of UDP ports is free for media."""

    code = "media-port"

    def __init__(self, port_min: int, port_max: int) -> None:
        super().__init__(f"media: expected a free pair of UDP ports from {port_min} to {port_max}; got none")
        self.port_min = port_min
        self.port_max = port_max


class AudioSocketError(AudioError):
    """Bytes that Asterisk's AudioSocket never sends: `expected` and `came` say which."""

    code = "audiosocket"

    def __init__(self, expected: str, came: str) -> None:
        super().__init__(f"audiosocket: expected {expected}; got {came}")
        self.expected = expected
        self.came = came


class JournalError(AudioError):
    """The journal could not be written, or its bytes are not a journal."""

    code = "journal"
