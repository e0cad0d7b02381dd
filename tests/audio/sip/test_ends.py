"""Sessions that end, or must not: acknowledgements that cross, timers, holds, answers that cannot be used."""

from __future__ import annotations

import pytest
from koemori.audio.errors import MediaPortError
from koemori.audio.ingest.siprec_host import SiprecLimits
from koemori.audio.sip.answer import LocalStream, Stream
from koemori.audio.sip.flow import Flow
from koemori.audio.sip.message import Request

from tests.fakes.siprec import CISCO, ORACLE, Shape
from tests.fakes.siprec_media import FakeMedia, Recorder, answered, tag_of

pytestmark = pytest.mark.unit


def begun(recorder: Recorder, shape: Shape = ORACLE, text: str | None = None) -> str:
    """A session that is up; our tag."""
    tag = tag_of(recorder.final(shape.filled(shape.invite() if text is None else text)))
    recorder.give(shape.filled(shape.request("ACK", 1), "z9hG4bK-ack1", tag))
    return tag


def within(method: str, number: int, tag: str, rows: tuple[str, ...] = (), body: str = "") -> bytes:
    return ORACLE.filled(ORACLE.request(method, number, rows, body), f"z9hG4bK-{method}{number}", tag)


def reinvited(number: int, tag: str, direction: str | None = None) -> bytes:
    rows = ("Content-Type: application/sdp",)
    return within("INVITE", number, tag, rows, ORACLE.sdp(direction, version=number))


def heard(media: FakeMedia) -> None:
    media.idle = {0: 0.0, 1: 0.0}


def goodbyes(messages: list[object]) -> int:
    return sum(isinstance(each, Request) and each.method == "BYE" for each in messages)


def test_an_acknowledgement_that_the_next_invite_overtakes_costs_nothing() -> None:
    recorder = Recorder()
    tag = tag_of(recorder.final(ORACLE.filled(ORACLE.invite())))
    heard(recorder.media[0])
    assert recorder.final(reinvited(2, tag)).status == 200
    recorder.give(within("ACK", 1, tag))
    recorder.give(within("ACK", 2, tag))
    assert recorder.wait(40) == []
    assert recorder.media[0].ended is None


def test_a_refresh_that_names_no_interval_ends_the_timer_and_not_the_call() -> None:
    recorder = Recorder()
    tag = begun(recorder, CISCO)
    heard(recorder.media[0])
    update = CISCO.filled(CISCO.request("UPDATE", 2), "z9hG4bK-2", tag)
    assert recorder.final(update).headers.get("Session-Expires") is None
    assert goodbyes([*recorder.wait(1900)]) == 0
    assert recorder.media[0].ended is None


@pytest.mark.parametrize("answer", ["", "no session description"])
def test_an_offer_of_ours_without_a_usable_answer_is_hung_up(answer: str) -> None:
    recorder = Recorder()
    tag = begun_without_offer(recorder)
    rows = ("Content-Type: application/sdp",) if answer else ()
    assert goodbyes([*recorder.give(within("ACK", 1, tag, rows, answer))]) == 1
    assert recorder.media[0].ended == "answer-refused"
    assert len(recorder.server) == 0


def begun_without_offer(recorder: Recorder) -> str:
    invite = ORACLE.request("INVITE", 1).replace("[peer_tag_param]", "")
    return tag_of(recorder.final(ORACLE.filled(invite)))


def test_a_later_offer_for_which_no_port_is_free_is_refused_and_the_call_goes_on() -> None:
    recorder = Recorder()
    tag = begun(recorder)
    media = recorder.media[0]

    def no_port(leg: int, stream: Stream) -> LocalStream:
        raise MediaPortError(20_000, 20_001)

    media.change = no_port  # type: ignore[method-assign]
    assert recorder.final(reinvited(2, tag)).status == 503
    assert media.ended is None


def test_a_mistake_of_ours_leaves_no_session_behind() -> None:
    recorder = Recorder()

    def broken() -> FakeMedia:
        raise RuntimeError("a mistake")

    recorder.server.make_media = broken
    with pytest.raises(RuntimeError):
        recorder.give(ORACLE.filled(ORACLE.invite()))
    assert len(recorder.server) == 0


def test_a_held_call_outlives_a_connection_that_was_closed_as_idle() -> None:
    recorder = Recorder(transport="TCP", limits=SiprecLimits(held_lost_s=600))
    tag = begun(recorder)
    heard(recorder.media[0])
    recorder.wait(1)
    recorder.give(reinvited(2, tag, "a=inactive"))
    recorder.give(within("ACK", 2, tag))
    recorder.media[0].idle = {0: 1_000.0, 1: 1_000.0}
    recorder.server.flow_lost(recorder.flow)
    recorder.wait(300)
    assert recorder.media[0].ended is None
    recorder.flow = Flow("TCP", "192.0.2.1", 5071, 2)
    assert recorder.final(reinvited(3, tag)).status == 200
    recorder.give(within("ACK", 3, tag))
    assert recorder.media[0].holds[-1] == (1, False)


def side(end: str) -> str:
    """One side's INVITE of a phone that sends each by a call of its own."""
    text = ORACLE.request("INVITE", 1, ("Content-Type: application/sdp",), "[sdp]")
    uri = f"<sip:8001@192.0.2.1;x-{end};x-refci=77;x-{end}addr=8001>"
    one = ORACLE.sdp().partition("m=audio 31002")[0]
    return text.replace("<sip:sbc@[local_ip]:[local_port]>", uri).replace("[sdp]", one)


@pytest.mark.parametrize("packets", [True, False])
def test_a_side_that_ends_while_the_other_is_waited_for_is_recorded_if_it_was_heard(packets: bool) -> None:
    recorder = Recorder()
    tag = begun(recorder, ORACLE, side("nearend"))
    (media,) = recorder.media
    recorder.wait(1)
    assert media.started is None
    if packets:
        media.idle = {0: 0.0}
    assert recorder.final(within("BYE", 2, tag)).status == 200
    assert (media.started is not None) is packets
    assert media.ended == "completed"


def test_a_session_that_cannot_be_watched_ends_and_the_others_are_watched() -> None:
    recorder = Recorder(limits=SiprecLimits(silence_s=20))
    begun(recorder)
    other = CISCO.filled(CISCO.invite(), "z9hG4bK-other")
    recorder.give(CISCO.filled(CISCO.request("ACK", 1), "z9hG4bK-c", tag_of(recorder.final(other))))
    broken, whole = recorder.media
    heard(whole)

    mistakes = iter([ValueError("a mistake")])

    def fails(leg: int) -> float | None:
        for mistake in mistakes:
            raise mistake
        return None

    broken.idle_s = fails  # type: ignore[method-assign]
    assert goodbyes([*recorder.wait(0.3)]) == 1
    assert (broken.ended, whole.ended) == ("error:internal", None)
    whole.idle = {0: 100.0, 1: 100.0}
    recorder.wait(25)
    assert whole.ended == "silence"


def test_a_held_call_goes_on_when_the_next_invite_asks_for_our_offer() -> None:
    recorder = Recorder()
    tag = begun(recorder)
    recorder.give(reinvited(2, tag, "a=inactive"))
    recorder.give(within("ACK", 2, tag))
    (media,) = recorder.media
    assert media.holds == [(0, True), (1, True)]
    offer = answered(recorder.final(within("INVITE", 3, tag)))
    assert [(line.port, line.direction) for line in offer.media] == [
        (20_000, "recvonly"),
        (20_002, "recvonly"),
    ]
    rows = ("Content-Type: application/sdp",)
    recorder.give(within("ACK", 3, tag, rows, ORACLE.sdp("a=sendonly", version=3)))
    assert media.holds[2:] == [(0, False), (1, False)]
    assert "offer-3.sdp" in media.documents
