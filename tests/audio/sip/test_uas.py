"""The SIP server's rules, in virtual time: repeats, order, refusals, timers, credentials."""

import hashlib
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.audio.errors import SipError
from koemori.audio.sip.digest import DigestGuard
from koemori.audio.sip.flow import Flow
from koemori.audio.sip.message import Request, Response, parse_message

from tests.fakes.siprec import CISCO, ORACLE, SHAPES
from tests.fakes.siprec_media import Recorder, answered, tag_of

pytestmark = pytest.mark.unit

SHAPE = ORACLE
G729 = SHAPE.sdp().replace("AVP 8", "AVP 18")
INVITE = SHAPE.filled(SHAPE.invite())


def within(method: str, number: int, tag: str, rows: tuple[str, ...] = (), body: str = "") -> bytes:
    return SHAPE.filled(SHAPE.request(method, number, rows, body), f"z9hG4bK-{method}{number}", tag)


def begun(recorder: Recorder) -> str:
    """A session that is up; our tag."""
    tag = tag_of(recorder.final(INVITE))
    recorder.give(within("ACK", 1, tag))
    return tag


def test_an_invite_is_answered_at_once_and_until_the_ack_comes() -> None:
    recorder = Recorder()
    trying, final = recorder.give(INVITE)
    assert isinstance(trying, Response)
    assert isinstance(final, Response)
    assert (trying.status, final.status) == (100, 200)
    assert "+sip.srs" in (final.headers.get("Contact") or "")
    assert final.headers.get("Require") is None
    assert [line.port for line in answered(final).media] == [20_000, 20_002]
    repeated = recorder.wait(4.2)
    assert repeated == [final] * 3  # after 0.5, 1.5 and 3.5 s
    recorder.give(within("ACK", 1, tag_of(final)))
    assert recorder.wait(20) == []


def test_a_repeated_invite_gets_the_same_answer_and_no_second_call() -> None:
    recorder = Recorder()
    final = recorder.final(INVITE)
    assert recorder.give(INVITE) == [final]
    assert len(recorder.media) == 1


def test_an_invite_whose_ack_never_comes_is_hung_up() -> None:
    recorder = Recorder()
    recorder.give(INVITE)
    sent = recorder.wait(33)
    assert isinstance(sent[-1], Request)
    assert {message.method for message in sent if isinstance(message, Request)} == {"BYE"}
    assert recorder.media[0].ended == "no-ack"


def test_the_same_invite_by_another_way_is_a_loop() -> None:
    recorder = Recorder()
    recorder.give(INVITE)
    assert recorder.final(SHAPE.filled(SHAPE.invite(), branch="z9hG4bK-other")).status == 482


def test_bye_ends_the_call_and_a_second_one_finds_nothing() -> None:
    recorder = Recorder()
    tag = begun(recorder)
    assert recorder.final(within("BYE", 2, tag)).status == 200
    assert recorder.media[0].ended == "completed"
    assert len(recorder.agent) == len(recorder.server) == 0
    assert recorder.final(within("BYE", 3, tag)).status == 481


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda tag: within("BYE", 0, tag),
        lambda tag: within("BYE", 2, "another"),
        lambda tag: within("BYE", 2, tag).replace(b"2 BYE", b"2 INVITE"),
        lambda _tag: out_of_dialog("BYE"),
    ],
    ids=["an old number", "another tag", "another method's number", "no tag"],
)
def test_a_bye_that_is_told_badly_ends_the_call_all_the_same(spoilt: Callable[[str], bytes]) -> None:
    recorder = Recorder()
    tag = begun(recorder)
    assert recorder.final(spoilt(tag)).status == 200
    assert recorder.media[0].ended == "completed"


def test_a_bye_of_another_caller_ends_nothing() -> None:
    recorder = Recorder()
    tag = begun(recorder)
    assert recorder.final(re.sub(rb"(From: .*;tag=)", rb"\1x", within("BYE", 2, tag))).status == 481
    assert recorder.final(within("BYE", 3, tag).replace(b"Call-ID: ", b"Call-ID: x")).status == 481
    assert recorder.media[0].ended is None


@pytest.mark.parametrize(
    ("method", "number", "status"),
    [
        ("OPTIONS", 2, 200),
        ("INFO", 2, 200),
        ("UPDATE", 2, 200),
        ("PRACK", 2, 481),
        ("REFER", 2, 405),
        ("INFO", 0, 500),
    ],
)
def test_requests_within_a_dialog(method: str, number: int, status: int) -> None:
    recorder = Recorder()
    tag = begun(recorder)
    assert recorder.final(within(method, number, tag)).status == status
    assert recorder.media[0].ended is None


def out_of_dialog(method: str, rows: tuple[str, ...] = (), body: str = "") -> bytes:
    request = SHAPE.request(method, 1, rows, body).replace("[peer_tag_param]", "")
    return SHAPE.filled(request, f"z9hG4bK-{method}")


def test_options_tell_what_is_taken_and_registrations_are_not() -> None:
    recorder = Recorder()
    options = recorder.final(out_of_dialog("OPTIONS"))
    assert options.status == 200
    assert "application/rs-metadata" in options.headers.listed("Accept")
    assert "siprec" in options.headers.tokens("Supported")
    refused = recorder.final(out_of_dialog("REGISTER"))
    assert refused.status == 405
    assert "INVITE" in refused.headers.listed("Allow")


@pytest.mark.parametrize(
    ("rows", "body", "status", "header", "value"),
    [
        (("Require: siprec, foo",), "", 420, "Unsupported", "foo"),
        (("Content-Type: text/html",), "<p>", 415, "Accept-Encoding", "identity"),
        (("Content-Type: application/sdp", "Content-Encoding: zip"), "x", 415, "Accept-Encoding", "identity"),
        (("Content-Type: application/sdp",), "nothing", 400, "Server", "koemori"),
        (("Supported: timer", "Session-Expires: 30"), "", 422, "Min-SE", "90"),
        (("Content-Type: application/sdp",), G729, 488, "Warning", None),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_with_the_reason(
    rows: tuple[str, ...], body: str, status: int, header: str, value: str | None
) -> None:
    recorder = Recorder()
    refused = recorder.final(out_of_dialog("INVITE", rows, body))
    assert refused.status == status
    assert refused.headers.get(header) is not None
    assert value is None or refused.headers.get(header) == value
    assert len(recorder.agent) == len(recorder.server) == 0
    assert recorder.refused


def test_a_refusal_over_udp_is_repeated_until_its_ack_and_not_longer_than_half_a_minute() -> None:
    recorder = Recorder()
    refused = out_of_dialog("INVITE", ("Require: foo",))
    assert recorder.final(refused).status == 420
    assert len(recorder.wait(4.2)) == 3
    recorder.give(refused.replace(b"INVITE sip", b"ACK sip").replace(b"1 INVITE", b"1 ACK"))
    assert recorder.wait(40) == []


def test_option_tags_that_lost_their_comma_are_known() -> None:
    recorder = Recorder()
    invite = SHAPE.filled(SHAPE.invite().replace("Require: siprec", "Require: 100relsiprec"))
    assert recorder.final(invite).status == 200


def test_a_cancel_that_comes_too_late_changes_nothing() -> None:
    recorder = Recorder()
    recorder.give(INVITE)
    cancel = INVITE.replace(b"INVITE sip", b"CANCEL sip").replace(b"1 INVITE", b"1 CANCEL")
    assert recorder.final(cancel).status == 200
    assert recorder.media[0].ended is None
    assert recorder.final(cancel.replace(b"z9hG4bK-1", b"z9hG4bK-2")).status == 481


def test_a_session_that_is_not_refreshed_is_hung_up_shortly_before_its_end() -> None:
    recorder = Recorder()
    final = recorder.final(CISCO.filled(CISCO.invite()))
    assert final.headers.get("Session-Expires") == "1800;refresher=uac"
    assert final.headers.get("Require") == "timer"
    tag = tag_of(final)

    def request(method: str, number: int) -> bytes:
        rows = ("Supported: timer", "Session-Expires: 1800;refresher=uac") if method == "UPDATE" else ()
        return CISCO.filled(CISCO.request(method, number, rows), f"z9hG4bK-{method}{number}", tag)

    recorder.give(request("ACK", 1))
    media = recorder.media[0]
    media.idle = {0: 0.0, 1: 0.0}
    recorder.wait(1700)
    assert recorder.final(request("UPDATE", 2)).headers.get("Session-Expires") == "1800;refresher=uac"
    recorder.wait(1767)
    assert media.ended is None
    recorder.wait(2)
    assert media.ended == "session-expired"


def test_where_we_have_to_refresh_a_peer_that_is_gone_is_noticed() -> None:
    recorder = Recorder()
    text = CISCO.invite().replace("Expires: 1800", "Expires: 100;refresher=uas")
    tag = tag_of(recorder.final(CISCO.filled(text)))
    recorder.give(CISCO.filled(CISCO.request("ACK", 1), "z9hG4bK-a", tag))
    recorder.media[0].idle = {0: 0.0, 1: 0.0}
    update = next(message for message in recorder.wait(51) if isinstance(message, Request))
    assert update.method == "UPDATE"
    assert update.headers.get("Session-Expires") == "100;refresher=uas"
    recorder.wait(33)
    assert recorder.media[0].ended == "session-expired"


def test_answers_go_where_the_via_says_and_our_requests_where_the_peer_is_heard() -> None:
    recorder = Recorder()
    other = Flow("UDP", "192.0.2.1", 40_000)
    (_, natted) = recorder.agent.receive(parse_message(INVITE), other, 1.0)
    assert natted.flow == other
    assert b"received=192.0.2.1;rport=40000" in natted.message
    plain = Recorder()
    (_, listed) = plain.agent.receive(parse_message(INVITE.replace(b";rport", b"")), other, 1.0)
    assert listed.flow == Flow("UDP", "192.0.2.1", 5070)
    (dialog,) = plain.agent.dialogs
    (bye, *_) = plain.agent.hang_up(dialog, "stop", 2.0)
    assert bye.flow == Flow("UDP", "192.0.2.1", 5070)
    dialog.target = "sip:x@198.51.100.1:9"
    assert dialog.next_hop() == other


def credentials(challenge: str, password: str, count: int = 1) -> str:
    told = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
    name = {"SHA-256": "sha256", "MD5": "md5"}[told["algorithm"]]

    def digest(text: str) -> str:
        return hashlib.new(name, text.encode()).hexdigest()

    secret, asked = digest(f"sbc:koemori:{password}"), digest("INVITE:sip:x")
    answer = digest(f"{secret}:{told['nonce']}:{count:08x}:c:auth:{asked}")
    return (
        f'Digest username="sbc", realm="koemori", nonce="{told["nonce"]}", uri="sip:x", response="{answer}", '
        f'algorithm={told["algorithm"]}, qop=auth, nc={count:08x}, cnonce="c"'
    )


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_credentials_are_asked_for_and_taken_once(algorithm: str) -> None:
    recorder = Recorder()
    recorder.agent.guard = DigestGuard("koemori", {"sbc": "secret"})

    def invited(number: int, authorization: str = "") -> Response:
        text = SHAPE.invite().replace("CSeq: 1 ", f"CSeq: {number} ")
        if authorization:
            text = text.replace("Call-ID", f"Authorization: {authorization}\nCall-ID")
        return recorder.final(SHAPE.filled(text, f"z9hG4bK-{number}"))

    asked = invited(1)
    assert asked.status == 401
    challenge = next(each for each in asked.headers.all("WWW-Authenticate") if algorithm in each)
    assert invited(2, credentials(challenge, "wrong")).status == 401
    assert invited(3, credentials(challenge, "secret")).status == 200
    assert invited(4, credentials(challenge, "secret")).status == 401
    assert recorder.refused == ["credentials-wrong", "credentials-replayed"]
    recorder.now_s += 61
    late = invited(5, credentials(challenge, "secret", 2))
    assert "stale=true" in (late.headers.get("WWW-Authenticate") or "")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3_000), st.binary(max_size=4)), max_size=6), st.integers(0, 4))
def test_a_damaged_request_is_answered_or_dropped_and_nothing_is_left_open(
    damage: list[tuple[int, bytes]], shape: int
) -> None:
    recorder = Recorder()
    data = SHAPES[shape].filled(SHAPES[shape].invite())
    for place, bytes_ in damage:
        data = data[:place] + bytes_ + data[place + len(bytes_) :]
    try:
        message = parse_message(data)
    except SipError:
        return
    for sent in recorder.agent.receive(message, recorder.flow, recorder.now_s):
        parse_message(sent.message)
    recorder.wait(1)
    assert len(recorder.server) == len(recorder.agent)
    for dialog in recorder.agent.dialogs:
        recorder.agent.hang_up(dialog, "stop", recorder.now_s)
    assert all(media.ended for media in recorder.media)
