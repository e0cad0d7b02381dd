"""Send a raw G.711 file to each of several ports as RTP, 20 ms at a time: the streams a test client lacks.

Run as a program: `tones.py PAYLOAD_TYPE PORT FILE [PORT FILE …]`; also measures tones in what was recorded.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from pathlib import Path

PACKET_BYTES = 160
PACKET_S = 0.02


def send(payload_type: int, streams: list[tuple[int, bytes]]) -> None:
    """Send all streams side by side, in real time."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        begun = time.monotonic()
        for number in range(max(len(audio) for _, audio in streams) // PACKET_BYTES):
            time.sleep(max(0.0, begun + number * PACKET_S - time.monotonic()))
            for index, (port, audio) in enumerate(streams):
                payload = audio[number * PACKET_BYTES : (number + 1) * PACKET_BYTES]
                head = struct.pack("!BBHII", 0x80, payload_type, number, number * 160, 0x1000 + index)
                line.sendto(head + payload, ("127.0.0.1", port))


if __name__ == "__main__":
    pairs = zip(sys.argv[2::2], sys.argv[3::2], strict=True)
    send(int(sys.argv[1]), [(int(port), Path(name).read_bytes()) for port, name in pairs])
