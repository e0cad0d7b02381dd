"""Recording clients: what five vendors' controllers send, in their shapes, for unit tests and for SIPp.

Texts hold SIPp's keywords (`[call_id]`, `[local_ip]`); `filled` puts values in their place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "server" / "capture" / "scenarios" / "sipp"
CONTACT = "<sip:[local_ip]:[local_port];transport=[transport]>;+sip.src"
OLD_CONTACT = "<sip:[local_ip]:[local_port];transport=[transport]>;src"


@dataclass(frozen=True)
class Shape:
    """How one vendor writes a recording INVITE with two streams."""

    name: str
    boundary: str
    content_type: str
    labels: tuple[str, str]
    metadata_type: str = "application/rs-metadata+xml"
    contact: str = CONTACT
    headers: tuple[str, ...] = ("Require: siprec",)
    direction: str = "a=sendonly"
    payload_type: int = 0
    metadata_first: bool = False
    trailing: str = ""
    lead: str = ""
    sdp_header: str = "Content-Type: application/sdp\n"
    time_first: bool = False
    same_uri: bool = False
    external: dict[str, str] = field(default_factory=dict)
    """Keys that must be found."""
    customer_line: int = 0

    def metadata(self, number: int = 1) -> str:
        name = f"{self.name}-{number}.xml"
        return (FOLDER / name).read_text(encoding="utf-8")

    def sdp(self, direction: str | None = None, host: str = "[local_ip]", version: int = 1) -> str:
        connection = [f"c=IN IP4 {host}", "t=0 0"]
        lines = ["v=0", f"o=sbc 1 {version} IN IP4 [local_ip]", "s=-"]
        lines += connection[::-1] if self.time_first else connection
        for index, label in enumerate(self.labels):
            lines.append(f"m=audio {31_000 + 2 * index} RTP/AVP {self.payload_type} 101")
            lines += ["a=rtpmap:101 telephone-event/8000", f"a=label:{label}"]
            lines += [each for each in [self.direction if direction is None else direction] if each]
        return "\n".join(lines) + "\n"

    def body(self, sdp: str, metadata: str) -> str:
        delimiter = f"--{self.boundary}{self.trailing}\n"
        first = f"{delimiter}{self.sdp_header}\n{sdp}"
        second = (
            f"{delimiter}Content-Type: {self.metadata_type}\n"
            f"Content-Disposition: recording-session\n\n{metadata}"
        )
        both = second + first if self.metadata_first else first + second
        return f"{self.lead}{both}--{self.boundary}--\n"

    def invite(self, number: int = 1, metadata: int = 1, direction: str | None = None) -> str:
        body = self.body(self.sdp(direction, version=number), self.metadata(metadata))
        rows = (*self.headers, f"Content-Type: {self.content_type}")
        return self.request("INVITE", number, rows, body)

    def request(self, method: str, number: int, rows: tuple[str, ...] = (), body: str = "") -> str:
        to_tag = "" if method == "INVITE" and number == 1 else "[peer_tag_param]"
        remote = "<sip:record@[remote_ip]:[remote_port]>"
        head = [
            f"{method} sip:record@[remote_ip]:[remote_port] SIP/2.0",
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport",
            "Max-Forwards: 70",
            f"From: {remote if self.same_uri else '<sip:sbc@[local_ip]:[local_port]>'};tag=[call_number]",
            f"To: {remote}{to_tag}",
            "Call-ID: [call_id]",
            f"CSeq: {number} {method}",
            f"Contact: {self.contact}",
            *rows,
            "Content-Length: [len]" if body else "Content-Length: 0",
        ]
        return "\n".join(head) + "\n\n" + body

    def filled(self, text: str, branch: str = "z9hG4bK-1", tag: str = "", transport: str = "UDP") -> bytes:
        """The request as bytes, with fixed values for SIPp's keywords."""
        values = {
            "local_ip": "192.0.2.1",
            "local_port": "5070",
            "remote_ip": "192.0.2.9",
            "remote_port": "5060",
            "transport": transport,
            "branch": branch,
            "call_number": "1",
            "call_id": f"call-{self.name}",
            "peer_tag_param": f";tag={tag}" if tag else "",
        }
        for key, value in values.items():
            text = text.replace(f"[{key}]", value)
        head, _, body = text.replace("\n", "\r\n").partition("\r\n\r\n")
        return f"{head.replace('[len]', str(len(body)))}\r\n\r\n{body}".encode()


CISCO = Shape(
    name="cisco-cube",
    boundary="uniqueBoundary",
    content_type="multipart/mixed;boundary=uniqueBoundary",
    labels=("1", "2"),
    headers=(
        "Require: siprec",
        "Supported: timer,100rel,replaces",
        "Session-Expires: 1800",
        "Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000",
        "Cisco-Guid: 0228540417-2661945834-2148925184-2887194890",
        "Allow: INVITE, OPTIONS, BYE, CANCEL, ACK, PRACK, UPDATE, REFER, INFO",
    ),
    sdp_header="Content-Type: application/sdp\nContent-Disposition: session;handling=required\n",
    external={
        "sip_session_id": "ab30317f1a784dc48ff824d0d3715d86;remote=47755a9de7794ba387653f2099600ef2",
        "cisco_guid": "0228540417-2661945834-2148925184-2887194890",
    },
)
"""Begins inactive without associations; a part that is no concern of ours comes first in its re-INVITE."""
GTD = (
    "--uniqueBoundary\nContent-Type: application/gtd\n"
    "Content-Disposition: signal;handling=optional\n\nIAM,\nPRN,isdn*,,NET5*,\n\n"
)
AUDIOCODES = Shape(
    name="audiocodes",
    boundary="boundary_ac1fffff85b",
    content_type='multipart/mixed;boundary="boundary_ac1fffff85b"',
    labels=("1", "2"),
    metadata_type="application/rs-metadata",
    contact=OLD_CONTACT,
    headers=("Require: siprec", "Supported: em,timer,replaces,path,resource-priority", "User-Agent: SBC"),
    trailing="  ",
    lead="\n",
    time_first=True,
    external={"avaya_ucid": "00001000480955721139", "genesys_uuid": "01B8N5JG5K8VJ0000000000000"},
    customer_line=1,
)
ORACLE = Shape(
    name="oracle",
    boundary="unique-boundary-1",
    content_type="multipart/mixed; boundary=unique-boundary-1",
    labels=("16777226", "16777227"),
    payload_type=8,
    metadata_first=True,
    external={"avaya_ucid": "00001000480955721139"},
)
BROADWORKS = Shape(
    name="broadworks",
    boundary="UniqueBroadWorksBoundary",
    content_type="multipart/mixed;boundary=UniqueBroadWorksBoundary",
    labels=("1", "2"),
    metadata_type="application/rs-metadata",
    contact=OLD_CONTACT,
    headers=("Supported: 100rel",),
    direction="",
    sdp_header="Content-Type:application/sdp\n",
    external={"tracking_id": "1204:2", "call_id": "CallHalf-3211:0", "user_id": "8001@bw.example"},
)
OPENSIPS = Shape(
    name="opensips",
    boundary="OSS-unique-boundary-42",
    content_type="multipart/mixed;boundary=OSS-unique-boundary-42",
    labels=("1", "0"),
    headers=(
        "Require: siprec",
        "Accept: application/sdp, application/rs-metadata, application/rs-metadata-request",
        "Allow: INVITE, ACK, BYE, UPDATE",
    ),
    same_uri=True,
    external={"sip_session_id": "3c26700c7f5d4b1c@opensips.example"},
)
SHAPES = (CISCO, AUDIOCODES, ORACLE, BROADWORKS, OPENSIPS)

_OK = '  <recv response="100" optional="true"/>\n  <recv response="200"/>\n'
_TONES = """  <recv response="100" optional="true"/>
  <recv response="200">
    <action>
      <ereg regexp="m=audio ([0-9]+)" search_in="body" check_it="true" assign_to="a,port1"/>
      <ereg regexp="m=audio [0-9]+.*m=audio ([0-9]+)" search_in="body" check_it="true" assign_to="b,port2"/>
      <exec command="[tones] [$port1] [$port2]"/>
    </action>
  </recv>
  <Reference variables="a,b"/>
"""
_GOODBYE_COMES = """  <recv request="BYE" timeout="15000"/>
  <send>
    <![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]>
  </send>
"""


def scenario(shape: Shape) -> str:
    """A SIPp scenario of one call; `[tones] PORT PORT` is run once its ports are known."""
    steps = _STEPS[shape.name](shape)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="{shape.name}">\n{steps}</scenario>\n'


def _send(text: str) -> str:
    again = "" if text.startswith("ACK") else ' retrans="500"'
    return f"  <send{again}>\n    <![CDATA[\n{text}\n]]>\n  </send>\n"


def _ack(shape: Shape, number: int) -> str:
    return _send(shape.request("ACK", number))


def _pause(duration_ms: int) -> str:
    return f'  <pause milliseconds="{duration_ms}"/>\n'


def _bye(shape: Shape, number: int) -> str:
    return _send(shape.request("BYE", number)) + '  <recv response="200"/>\n'


def _begin(shape: Shape) -> str:
    return _send(shape.invite()) + _TONES + _ack(shape, 1)


def _cisco(shape: Shape) -> str:
    later = shape.invite(2, metadata=2)
    later = re.sub(r"\n\n--", f"\n\n{GTD}--", later, count=1)
    first = _send(shape.invite(direction="a=inactive")) + _OK + _ack(shape, 1) + _pause(200)
    return first + _send(later) + _TONES + _ack(shape, 2) + _pause(2200) + _bye(shape, 3)


def _audiocodes(shape: Shape) -> str:
    rows = ("Content-Type: application/rs-metadata", "Content-Disposition: recording-session")
    update = _send(shape.request("UPDATE", 2, rows, shape.metadata(2))) + '  <recv response="200"/>\n'
    return _begin(shape) + _pause(1200) + update + _pause(1000) + _bye(shape, 3)


def _oracle(shape: Shape) -> str:
    return _begin(shape) + _pause(2200) + _bye(shape, 2)


def _broadworks(shape: Shape) -> str:
    rows = ("Content-Type: application/sdp",)
    held = shape.request("INVITE", 2, rows, shape.sdp(host="0.0.0.0", version=2))  # noqa: S104
    going = shape.request("INVITE", 3, rows, shape.sdp(version=3))
    pause = _send(held) + _OK + _ack(shape, 2) + _pause(500)
    resume = _send(going) + _OK + _ack(shape, 3) + _pause(1000)
    return _begin(shape) + _pause(800) + pause + resume + _bye(shape, 4)


def _opensips(shape: Shape) -> str:
    return _begin(shape) + _GOODBYE_COMES


_STEPS = {
    "cisco-cube": _cisco,
    "audiocodes": _audiocodes,
    "oracle": _oracle,
    "broadworks": _broadworks,
    "opensips": _opensips,
}
