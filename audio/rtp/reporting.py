"""The receiver reports that one leg owes to its sender (RFC 3550 §6.4.2 and A.3)."""

from __future__ import annotations

from koemori.audio.rtp.rtcp import ReportBlock, SenderReport, build_receiver_report
from koemori.audio.rtp.segment import Segment


class Reporting:
    """Remembers what the last report said.

    Args:
        ssrc: Ours.
        cname: Ours; a random one, which says nothing about the host (RFC 7022).
    """

    def __init__(self, ssrc: int, cname: str) -> None:
        self._ssrc = ssrc
        self._cname = cname
        self._sender: int | None = None
        self._expected = 0
        self._came = 0
        self._last: tuple[int, SenderReport] | None = None

    def heard(self, arrival_us: int, report: SenderReport) -> None:
        """Remember a sender report, which the next receiver report refers to."""
        self._last = (arrival_us, report)

    def report(self, now_us: int, segment: Segment) -> bytes:
        """The report on a segment as it stands."""
        if self._sender != segment.ssrc:
            self._sender, self._expected, self._came = segment.ssrc, 0, 0
        expected, came = segment.expected, segment.received + segment.late
        lately, missed = expected - self._expected, expected - self._expected - (came - self._came)
        self._expected, self._came = expected, came
        last_sr = delay = 0
        if self._last is not None and self._last[1].ssrc == segment.ssrc:
            last_sr = self._last[1].middle
            delay = (now_us - self._last[0]) * 65_536 // 1_000_000
        block = ReportBlock(
            segment.ssrc,
            max(0, missed) * 256 // lately if lately > 0 else 0,
            expected - came - segment.duplicated,
            max(0, segment.highest_number),
            segment.transit.jitter_us * segment.clock_hz // 1_000_000,
            last_sr,
            delay,
        )
        return build_receiver_report(self._ssrc, [block], self._cname)
