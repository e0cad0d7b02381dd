"""rtpengine between a sender and the recorder, told over its NG protocol (bencode on UDP)."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.clients import program, started


def bencode(value: object) -> bytes:
    """Text, numbers, lists and dictionaries, as BitTorrent has them."""
    match value:
        case str():
            raw = value.encode()
            return str(len(raw)).encode() + b":" + raw
        case int():
            return f"i{value}e".encode()
        case list():
            return b"l" + b"".join(map(bencode, value)) + b"e"
        case dict():
            return b"d" + b"".join(bencode(key) + bencode(value[key]) for key in sorted(value)) + b"e"
    raise TypeError(type(value).__name__)


class MediaProxy:
    """One rtpengine that answers."""

    def __init__(self, port: int) -> None:
        self._line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._line.connect(("127.0.0.1", port))
        self._line.settimeout(0.5)
        self._cookie = 0

    def ask(self, **message: object) -> bytes:
        """Send a command; return the answer as it came."""
        self._cookie += 1
        sent = f"{self._cookie} ".encode() + bencode({key.replace("_", "-"): message[key] for key in message})
        for _ in range(20):
            try:
                self._line.send(sent)
                answer = self._line.recv(65_536)
            except (ConnectionRefusedError, TimeoutError):
                time.sleep(0.1)
                continue
            if answer.startswith(f"{self._cookie} ".encode()):
                return answer
        raise AssertionError("rtpengine does not answer")

    def relay(self, name: str, to_port: int) -> int:
        """Relay PCMU to a port of this machine; return where to send."""
        self.ask(command="offer", call_id=name, from_tag="a", sdp=_sdp(9_000), replace=["origin"])
        answer = self.ask(
            command="answer", call_id=name, from_tag="a", to_tag="b", sdp=_sdp(to_port), replace=["origin"]
        )
        found = re.search(rb"m=audio (\d+) ", answer)
        assert found is not None, answer
        return int(found.group(1))

    def close(self) -> None:
        """Let go of the socket."""
        self._line.close()


@contextmanager
def media_proxy(folder: Path, control_port: int, first_port: int) -> Iterator[MediaProxy]:
    """An rtpengine without its kernel module, on loopback."""
    command = [
        *(program("rtpengine"), "--foreground", "--log-stderr", "--table=-1"),
        *("--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{control_port}"),
        *(f"--port-min={first_port}", f"--port-max={first_port + 98}", f"--pidfile={folder}/rtpengine.pid"),
    ]
    with started(command, folder):
        proxy = MediaProxy(control_port)
        try:
            assert b"pong" in proxy.ask(command="ping")
            yield proxy
        finally:
            proxy.close()


def _sdp(port: int) -> str:
    lines = (
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        f"m=audio {port} RTP/AVP 0",
        "a=rtpmap:0 PCMU/8000",
    )
    return "".join(line + "\r\n" for line in lines)
