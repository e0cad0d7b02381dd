"""A recording client for the capture benchmark: SIPREC by TCP, as a session border controller has it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from koemori.audio.sip.framing import StreamFramer
from koemori.audio.sip.message import Response
from koemori.audio.sip.sdp import parse_sdp

_BOUNDARY = "bench-boundary"
_PATIENCE_S = 30.0


class SipCallError(Exception):
    """A call that the service did not take; the benchmark cannot go on."""


@dataclass(slots=True)
class Answered:
    """A call that was taken.

    Attributes:
        number: Of the call.
        ports: Where the RTP of each leg goes.
        to: The header To of the answer.
        answer_ms: From INVITE to 200.
    """

    number: int
    ports: tuple[int, ...]
    to: str
    answer_ms: float


@dataclass(slots=True)
class RecordingClient:
    """Calls over one connection; `connect` first, `aclose` at last."""

    host: str
    port: int
    _writer: asyncio.StreamWriter | None = None
    _reading: asyncio.Task[None] | None = None
    _waiting: dict[str, asyncio.Future[Response]] = field(default_factory=dict)

    async def connect(self) -> None:
        """Open the connection."""
        reader, self._writer = await asyncio.open_connection(self.host, self.port)
        self._reading = asyncio.create_task(self._read(reader), name="bench-sip")

    async def aclose(self) -> None:
        """Close it."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})
        if self._writer is not None:
            self._writer.close()

    async def invite(self, number: int) -> Answered:
        """Begin a call of two legs.

        Raises:
            SipCallError: The service refused it.
        """
        began_s = time.monotonic()
        body = _body(number)
        rows = ("Require: siprec", f"Content-Type: multipart/mixed;boundary={_BOUNDARY}")
        answer = await self._ask(number, "INVITE", 1, "", rows, body)
        answer_ms = (time.monotonic() - began_s) * 1000
        to = answer.headers.get("To") or ""
        ports = tuple(line.port for line in parse_sdp(answer.body).media)
        self._send(_request(number, "ACK", 1, to, self.host, self.port))
        return Answered(number, ports, to, answer_ms)

    async def bye(self, call: Answered) -> None:
        """End a call."""
        await self._ask(call.number, "BYE", 2, call.to)

    async def _ask(
        self, number: int, method: str, sequence: int, to: str, rows: tuple[str, ...] = (), body: str = ""
    ) -> Response:
        key = f"{number} {sequence}"
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting[key] = future
        self._send(_request(number, method, sequence, to, self.host, self.port, rows, body))
        try:
            answer = await asyncio.wait_for(future, _PATIENCE_S)
        except TimeoutError:
            raise SipCallError(f"{method}: expected an answer within {_PATIENCE_S:.0f} s; got none") from None
        finally:
            del self._waiting[key]
        if answer.status >= 300:
            raise SipCallError(f"{method}: expected status 200; got {answer.status}")
        return answer

    def _send(self, request: bytes) -> None:
        if self._writer is not None:
            self._writer.write(request)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        framer = StreamFramer()
        while received := await reader.read(65_536):
            for message in framer.push(received):
                if isinstance(message, Response) and message.status >= 200:
                    number = (message.headers.get("Call-ID") or "").rpartition("-")[2]
                    sequence = (message.headers.get("CSeq") or "").partition(" ")[0]
                    future = self._waiting.get(f"{number} {sequence}")
                    if future is not None and not future.done():
                        future.set_result(message)


def _request(
    number: int,
    method: str,
    sequence: int,
    to: str,
    host: str,
    port: int,
    rows: tuple[str, ...] = (),
    body: str = "",
) -> bytes:
    remote = f"<sip:record@{host}:{port};transport=tcp>"
    head = (
        f"{method} sip:record@{host}:{port};transport=tcp SIP/2.0",
        f"Via: SIP/2.0/TCP {host}:9;branch=z9hG4bK-bench-{number}-{method}",
        "Max-Forwards: 70",
        f"From: <sip:sbc@{host}>;tag=bench{number}",
        f"To: {to or remote}",
        f"Call-ID: bench-{number}",
        f"CSeq: {sequence} {method}",
        f"Contact: <sip:sbc@{host}:9;transport=tcp>;+sip.src",
        *rows,
        f"Content-Length: {len(body.encode())}",
    )
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


def _body(number: int) -> str:
    lines = ["v=0", f"o=sbc {number} 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
    for label in ("1", "2"):
        lines += ["m=audio 9 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", f"a=label:{label}", "a=sendonly"]
    sdp = "\r\n".join(lines) + "\r\n"
    metadata = _METADATA.format(number=number, agent=8_000 + number, caller=f"0{9_000_000_000 + number}")
    return (
        f"--{_BOUNDARY}\r\nContent-Type: application/sdp\r\n\r\n{sdp}"
        f"--{_BOUNDARY}\r\nContent-Type: application/rs-metadata+xml\r\n"
        f"Content-Disposition: recording-session\r\n\r\n{metadata}\r\n--{_BOUNDARY}--\r\n"
    )


_METADATA = """<?xml version="1.0" encoding="UTF-8"?>
<recording xmlns="urn:ietf:params:xml:ns:recording:1">
<datamode>complete</datamode>
<session session_id="s{number}"><sipSessionID>bench{number}</sipSessionID></session>
<participant participant_id="c{number}"><nameID aor="sip:{caller}@sbc.example"/></participant>
<participant participant_id="a{number}"><nameID aor="sip:{agent}@sbc.example"/></participant>
<stream stream_id="x{number}" session_id="s{number}"><label>1</label></stream>
<stream stream_id="y{number}" session_id="s{number}"><label>2</label></stream>
<participantstreamassoc participant_id="c{number}"><send>y{number}</send></participantstreamassoc>
<participantstreamassoc participant_id="a{number}"><send>x{number}</send></participantstreamassoc>
</recording>"""
