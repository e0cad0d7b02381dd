"""The recording server: five vendors' sessions, later offers, transfers, two sides, and every way to end."""

import pytest
from koemori.audio.call import ChannelRole
from koemori.audio.ingest.siprec_host import SiprecLimits
from koemori.audio.signals import KeyPressed, UpdateKind
from koemori.audio.sip.flow import Flow
from koemori.audio.sip.message import Request

from tests.fakes.siprec import AUDIOCODES, BROADWORKS, CISCO, GTD, OPENSIPS, ORACLE, SHAPES, Shape
from tests.fakes.siprec_media import Recorder, answered, tag_of

pytestmark = pytest.mark.unit

AGENT, CUSTOMER, UNKNOWN = ChannelRole.AGENT, ChannelRole.CUSTOMER, ChannelRole.UNKNOWN
SDP_ROW = ("Content-Type: application/sdp",)


def begun(recorder: Recorder, shape: Shape, text: str | None = None) -> str:
    tag = tag_of(recorder.final(shape.filled(shape.invite() if text is None else text)))
    recorder.give(shape.filled(shape.request("ACK", 1), "z9hG4bK-ack", tag))
    return tag


def within(
    shape: Shape, method: str, number: int, tag: str, rows: tuple[str, ...] = (), body: str = ""
) -> bytes:
    return shape.filled(shape.request(method, number, rows, body), f"z9hG4bK-{number}", tag)


@pytest.mark.parametrize(
    "shape", [each for each in SHAPES if each is not CISCO], ids=lambda shape: shape.name
)
def test_each_vendor_s_session_becomes_a_call_with_the_agent_on_channel_0(shape: Shape) -> None:
    recorder = Recorder()
    begun(recorder, shape)
    (media,) = recorder.media
    started = media.started
    assert started is not None
    assert [channel.role for channel in started.channels] == [AGENT, CUSTOMER]
    assert media.order == [1 - shape.customer_line, shape.customer_line]
    assert (started.agent_id, started.customer_number) == ("8001", "09011112222")
    assert shape.external.items() <= started.external_ids.items()
    assert started.external_ids["sip_call_id"] == f"call-{shape.name}"
    assert media.documents["metadata-1.xml"].split() == shape.metadata().encode().split()
    assert b"m=audio 31002" in media.documents["offer-1.sdp"]
    assert media.updates[0].facts["mapping"] == "told"


def test_a_session_that_begins_inactive_starts_with_the_offer_that_says_more() -> None:
    recorder = Recorder()
    tag = begun(recorder, CISCO, CISCO.invite(direction="a=inactive"))
    (media,) = recorder.media
    assert media.started is None
    recorder.wait(5)
    later = CISCO.invite(2, metadata=2).replace("\n\n--", f"\n\n{GTD}--", 1)
    answer = answered(recorder.final(CISCO.filled(later, "z9hG4bK-2", tag)))
    assert [(line.port, line.direction) for line in answer.media] == [
        (20_000, "recvonly"),
        (20_002, "recvonly"),
    ]
    assert media.started is not None
    assert [channel.role for channel in media.started.channels] == [AGENT, CUSTOMER]
    assert sorted(media.documents) == ["metadata-1.xml", "metadata-2.xml", "offer-1.sdp", "offer-2.sdp"]


def test_associations_that_come_late_tell_the_roles() -> None:
    recorder = Recorder()
    tag = begun(recorder, CISCO, CISCO.invite().replace("8001@", "x@").replace("0901111", "y"))
    (media,) = recorder.media
    assert media.started is not None
    assert [channel.role for channel in media.started.channels] == [UNKNOWN, UNKNOWN]
    recorder.give(CISCO.filled(CISCO.invite(2, metadata=2), "z9hG4bK-2", tag))
    told = media.updates[-1]
    assert dict(told.roles) == {0: CUSTOMER, 1: AGENT}
    assert (told.agent_id, told.customer_number) == ("8001", "09011112222")


def test_a_pause_by_no_address_and_a_resume_without_metadata() -> None:
    recorder = Recorder()
    tag = begun(recorder, BROADWORKS)
    (media,) = recorder.media
    held = BROADWORKS.sdp(host="0.0.0.0", version=2)  # noqa: S104
    assert recorder.final(within(BROADWORKS, "INVITE", 2, tag, SDP_ROW, held)).status == 200
    assert media.holds == [(0, True), (1, True)]
    recorder.give(within(BROADWORKS, "ACK", 2, tag))
    recorder.wait(600)
    assert media.ended is None
    answer = recorder.final(within(BROADWORKS, "INVITE", 3, tag, SDP_ROW, BROADWORKS.sdp(version=3)))
    assert [line.port for line in answered(answer).media] == [20_000, 20_002]
    assert media.holds[2:] == [(0, False), (1, False)]
    kinds = [update.kind for update in media.updates]
    assert (kinds.count(UpdateKind.HELD), kinds.count(UpdateKind.RESUMED)) == (2, 2)


def test_metadata_only_in_an_update_tells_a_transfer() -> None:
    recorder = Recorder()
    tag = begun(recorder, AUDIOCODES)
    rows = ("Content-Type: application/rs-metadata",)
    answer = recorder.final(within(AUDIOCODES, "UPDATE", 2, tag, rows, AUDIOCODES.metadata(2)))
    assert (answer.status, answer.body) == (200, b"")
    told = recorder.media[0].updates[-1]
    assert (told.kind, told.agent_id, told.facts["channel"]) == (UpdateKind.TRANSFERRED, "8009", 0)
    assert recorder.media[0].ended is None


def test_a_delta_without_its_base_is_asked_for_in_full() -> None:
    recorder = Recorder()
    text = OPENSIPS.invite().replace("<datamode>complete", "<datamode>partial")
    begun(recorder, OPENSIPS, text)
    asked = next(each for each in recorder.wait(1) if isinstance(each, Request))
    assert asked.method == "UPDATE"
    assert asked.headers.get("Content-Type") == "application/rs-metadata-request"


def test_metadata_that_cannot_be_read_costs_no_audio() -> None:
    recorder = Recorder()
    tag = begun(recorder, ORACLE, ORACLE.invite().replace("</recording>", "</recordin>"))
    assert recorder.media[0].started is not None
    rows = ("Content-Type: application/rs-metadata",)
    assert recorder.final(within(ORACLE, "UPDATE", 2, tag, rows, "no xml")).status == 200
    assert recorder.problems == ["metadata-unreadable", "metadata-unreadable"]
    assert {"metadata-1.xml", "metadata-2.xml"} <= recorder.media[0].documents.keys()
    recorder.give(within(ORACLE, "BYE", 3, tag))
    assert recorder.problems[2:] == ["no-media"]


def test_labels_that_match_nothing_are_reported_and_guessed() -> None:
    recorder = Recorder()
    begun(
        recorder,
        OPENSIPS,
        OPENSIPS.invite().replace("a=label:1", "a=label:a").replace("a=label:0", "a=label:b"),
    )
    assert recorder.problems == ["label-unmatched"]
    assert recorder.media[0].updates[0].facts["mapping"] == "guessed"


def test_a_stream_that_joins_takes_a_free_channel_or_becomes_a_call_of_its_own() -> None:
    recorder = Recorder()
    tag = begun(recorder, BROADWORKS)
    third = "m=audio 31004 RTP/AVP 0\na=label:3\n"
    recorder.give(within(BROADWORKS, "INVITE", 2, tag, SDP_ROW, BROADWORKS.sdp(version=2) + third))
    first, second = recorder.media
    assert first.started is not None
    assert second.started is not None
    assert second.started.external_ids["linked_call_id"] == first.started.call_id
    gone = BROADWORKS.sdp(version=3).replace("m=audio 31000", "m=audio 0") + third
    answer = answered(recorder.final(within(BROADWORKS, "INVITE", 3, tag, SDP_ROW, gone)))
    assert [line.port for line in answer.media] == [0, 20_002, 20_100]
    assert first.closed == [0]
    fourth = gone + third.replace("31004", "31006")
    answer = answered(recorder.final(within(BROADWORKS, "INVITE", 4, tag, SDP_ROW, fourth)))
    assert [line.port for line in answer.media] == [0, 20_002, 20_100, 20_000]
    recorder.give(within(BROADWORKS, "BYE", 5, tag))
    assert (first.ended, second.ended) == ("completed", "completed")


def plain(headers: str, call: str, body: str) -> bytes:
    text = ORACLE.request("INVITE", 1, ("Content-Type: application/sdp",), body)
    text = text.replace("[call_id]", call).replace("CSeq", f"{headers}CSeq")
    return ORACLE.filled(text, f"z9hG4bK-{call}")


def test_cube_s_plain_invites_name_the_participants_in_headers() -> None:
    recorder = Recorder()
    rows = "".join(
        f'X-Cisco-Recording-Participant: sip:{user}@192.0.2.1;media-index="{index}"\n'
        for index, user in ((0, "09011112222"), (1, "8001"))
    )
    assert recorder.final(plain(rows, "cube", ORACLE.sdp())).status == 200
    started = recorder.media[0].started
    assert started is not None
    assert (started.agent_id, started.customer_number) == ("8001", "09011112222")


ONE = "v=0\no=c 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 31000 RTP/AVP 0\na=sendonly\n"


def side(recorder: Recorder, end: str, address: str, call: str) -> str:
    uri = f"<sip:8001@192.0.2.1;x-{end};x-refci=27298698;x-{end}addr={address}>"
    invite = plain("", call, ONE).replace(b"<sip:sbc@192.0.2.1:5070>", uri.encode())
    return tag_of(recorder.final(invite))


def test_two_calls_with_the_two_sides_of_a_conversation_become_one() -> None:
    recorder = Recorder()
    near = side(recorder, "nearend", "8001", "near")
    assert recorder.media[0].started is None
    far = side(recorder, "farend", "09011112222", "far")
    (media,) = recorder.media
    assert media.started is not None
    assert [channel.role for channel in media.started.channels] == [AGENT, CUSTOMER]
    assert (media.started.agent_id, media.started.customer_number) == ("8001", "09011112222")
    for number, (call, tag) in enumerate((("near", near), ("far", far))):
        assert media.ended is None
        bye = ORACLE.request("BYE", 2).replace("[call_id]", call)
        recorder.give(
            ORACLE.filled(bye, f"z9hG4bK-bye{number}", tag).replace(b"From: <sip:sbc", b"From: <sip:x")
        )
    assert media.ended == "completed"


def test_a_side_whose_other_side_does_not_come_is_recorded_alone() -> None:
    recorder = Recorder()
    side(recorder, "nearend", "8001", "near")
    recorder.wait(4)
    started = recorder.media[0].started
    assert started is not None
    assert len(started.channels) == 1


def test_an_invite_without_an_offer_gets_ours() -> None:
    recorder = Recorder()
    invite = ORACLE.filled(ORACLE.request("INVITE", 1))
    final = recorder.final(invite)
    (line,) = answered(final).media
    assert [codec.name for codec in line.codecs] == ["PCMU", "PCMA", "G722", "TELEPHONE-EVENT"]
    assert recorder.media[0].started is None
    ack = ORACLE.request("ACK", 1, ("Content-Type: application/sdp",), ONE.replace("AVP 0", "AVP 8"))
    recorder.give(ORACLE.filled(ack, "z9hG4bK-ack", tag_of(final)))
    assert recorder.media[0].started is not None
    assert recorder.media[0].streams[0].speech.name == "PCMA"


def test_keys_by_info_are_told_and_never_shown() -> None:
    recorder = Recorder()
    tag = begun(recorder, ORACLE)
    rows = ("Content-Type: application/dtmf-relay",)
    recorder.give(within(ORACLE, "INFO", 2, tag, rows, "Signal=7\nDuration=160\n"))
    key = recorder.media[0].told[-1]
    assert isinstance(key, KeyPressed)
    assert (key.key, key.channel.role, key.sample_count) == ("7", CUSTOMER, 1280)
    assert "7" not in repr(key).partition("carried_by")[2]


def test_keys_for_media_are_kept_out_of_the_documents() -> None:
    recorder = Recorder(transport="UDP")
    key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    line = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^31\n"
    others = f"k=base64:{key}\na=key-mgmt:mikey {key}\n"
    text = ORACLE.invite().replace("RTP/AVP", "RTP/SAVP").replace("a=label", f"{line}{others}a=label")
    begun(recorder, ORACLE, text)
    assert b"inline:-|2^31" in recorder.media[0].documents["offer-1.sdp"]
    assert key.encode() not in recorder.media[0].documents["offer-1.sdp"]
    assert "keys-in-clear" in recorder.problems


def test_silence_ends_the_call_and_the_sender_is_told() -> None:
    recorder = Recorder(limits=SiprecLimits(silence_s=20))
    begun(recorder, ORACLE)
    (media,) = recorder.media
    recorder.wait(15)
    assert recorder.problems == ["no-media"]
    media.idle = {0: 0.0}
    recorder.wait(1)
    media.idle = {0: 100.0}
    assert recorder.wait(15) == []
    assert any(isinstance(each, Request) and each.method == "BYE" for each in recorder.wait(6))
    assert media.ended == "silence"


def test_a_connection_that_is_gone_ends_the_call_only_when_media_stops_as_well() -> None:
    recorder = Recorder(transport="TCP")
    tag = begun(recorder, ORACLE)
    (media,) = recorder.media
    media.idle = {0: 0.0, 1: 0.0}
    recorder.server.flow_lost(recorder.flow)
    recorder.wait(30)
    assert media.ended is None
    media.idle = {0: 11.0, 1: 11.0}
    recorder.flow = Flow("TCP", "192.0.2.1", 5071, 2)
    assert recorder.final(within(ORACLE, "UPDATE", 2, tag)).status == 200
    recorder.wait(5)
    assert media.ended is None
    recorder.server.flow_lost(recorder.flow)
    recorder.wait(11)
    assert media.ended == "signalling-lost"


def test_at_the_limit_and_at_the_end_the_sender_is_told_to_go_elsewhere() -> None:
    recorder = Recorder(limits=SiprecLimits(max_calls=1))
    begun(recorder, ORACLE)
    full = recorder.final(BROADWORKS.filled(BROADWORKS.invite(), "z9hG4bK-2"))
    assert (full.status, full.headers.get("Retry-After")) == (503, "10")
    recorder.server.closing = True
    assert recorder.final(CISCO.filled(CISCO.invite(), "z9hG4bK-3")).status == 503


def test_a_call_that_the_service_stops_is_hung_up() -> None:
    recorder = Recorder()
    begun(recorder, ORACLE)
    started = recorder.media[0].started
    assert started is not None
    sends = recorder.server.call_stopped(started.call_id, recorder.agent, "stop", recorder.now_s)
    (bye,) = recorder.read(sends)
    assert isinstance(bye, Request)
    assert bye.method == "BYE"
    assert recorder.media[0].ended == "stop"


def test_a_session_for_which_no_port_is_free_is_sent_elsewhere_and_leaves_nothing_open() -> None:
    recorder = Recorder()
    recorder.ports_left = 1
    refused = recorder.final(ORACLE.filled(ORACLE.invite()))
    assert refused.status == 503
    assert (len(recorder.server), len(recorder.agent)) == (0, 0)
    assert recorder.media[0].ended == "refused"


def test_a_call_whose_connection_and_media_are_both_gone_says_so() -> None:
    recorder = Recorder(transport="TCP", limits=SiprecLimits(silence_s=2))
    begun(recorder, ORACLE)
    recorder.server.flow_lost(recorder.flow)
    recorder.wait(3)
    assert recorder.media[0].ended == "signalling-lost"


def test_of_a_mixed_recording_it_is_known_who_is_on_it_though_not_who_is_on_which_channel() -> None:
    recorder = Recorder()
    mixed = BROADWORKS.sdp().partition("m=audio 31002")[0]
    rows = (f"Content-Type: {BROADWORKS.content_type}",)
    metadata = BROADWORKS.metadata().replace("<id>st2</id></send>", "<id>st1</id></send>")
    request = BROADWORKS.request("INVITE", 1, rows, BROADWORKS.body(mixed, metadata))
    begun(recorder, BROADWORKS, request)
    started = recorder.media[0].started
    assert started is not None
    assert [channel.role for channel in started.channels] == [UNKNOWN]
    assert (started.agent_id, started.customer_number) == ("8001", "09011112222")


def test_a_plain_call_from_an_agent_s_phone_is_that_agent_s() -> None:
    recorder = Recorder(agents=("sbc@192.0.2.1",))
    assert recorder.final(plain("", "plain", ONE)).status == 200
    started = recorder.media[0].started
    assert started is not None
    assert (started.agent_id, started.customer_number) == ("sbc", None)
    assert recorder.problems == ["mixed"]
