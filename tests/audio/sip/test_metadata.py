"""Recording metadata: five vendors' shapes, deltas, what must not be parsed, and who is on which stream."""

import time

import pytest
from koemori.audio.call import ChannelRole
from koemori.audio.errors import SipError
from koemori.audio.sip.mapping import (
    Party,
    RolePolicy,
    channel_order,
    choose_roles,
    guess_by_order,
    map_streams,
    parties_of_headers,
)
from koemori.audio.sip.message import Headers
from koemori.audio.sip.metadata import Metadata, parse_metadata
from koemori.audio.sip.vendor_keys import load_vendor_keys

from tests.fakes.siprec import AUDIOCODES, CISCO, OPENSIPS, ORACLE, SHAPES, Shape

pytestmark = pytest.mark.unit

AGENT, CUSTOMER, UNKNOWN = ChannelRole.AGENT, ChannelRole.CUSTOMER, ChannelRole.UNKNOWN


def metadata_of(shape: Shape, number: int = 1) -> Metadata:
    return parse_metadata(shape.metadata(number).encode())


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_each_vendor_says_who_is_on_which_stream(shape: Shape) -> None:
    metadata = metadata_of(shape, 2 if shape is CISCO else 1)
    mapped = map_streams(shape.labels, metadata)
    assert mapped.unmatched == 0
    users = [party.user for party in mapped.parties if party is not None]
    expected = ["09011112222", "8001"]
    assert users == (expected if shape.customer_line == 0 else expected[::-1])
    roles = choose_roles(mapped.parties, shape.labels, RolePolicy(("sip:8*@*",)))
    assert roles[shape.customer_line] is CUSTOMER
    assert channel_order(roles)[0] == 1 - shape.customer_line


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_each_vendor_s_keys_of_the_call_are_found(shape: Shape) -> None:
    rows = tuple((name, value) for name, _, value in (each.partition(": ") for each in shape.headers))
    found = load_vendor_keys().header_keys(Headers(rows)) | dict(metadata_of(shape).keys)
    assert found == shape.external


def test_nobody_is_known_before_the_associations_come() -> None:
    early = metadata_of(CISCO)
    assert map_streams(CISCO.labels, early).parties == (None, None)
    merged = early.merged(metadata_of(CISCO, 2))
    assert [party.user for party in map_streams(CISCO.labels, merged).parties if party] == [
        "09011112222",
        "8001",
    ]


def test_a_delta_moves_a_stream_to_who_joined_and_away_from_who_left() -> None:
    merged = metadata_of(AUDIOCODES).merged(metadata_of(AUDIOCODES, 2))
    parties = map_streams(AUDIOCODES.labels, merged).parties
    assert [party.user for party in parties if party] == ["8009", "09011112222"]
    assert merged.participants["1111-0000"].left


def test_labels_that_occur_nowhere_are_taken_in_order_and_called_a_guess() -> None:
    mapped = map_streams(("a_leg", "b_leg"), metadata_of(OPENSIPS))
    assert mapped.unmatched == 2
    assert all(party is not None and party.guessed for party in mapped.parties)
    assert {party.user for party in mapped.parties if party} == {"09011112222", "8001"}


def test_without_associations_the_order_is_a_guess_only_for_as_many() -> None:
    metadata = metadata_of(CISCO)
    assert [party.user for party in guess_by_order(2, metadata) if party] == ["09011112222", "8001"]
    assert guess_by_order(3, metadata) == (None, None, None)


def test_the_caller_s_role_decides_where_no_address_is_an_agent_s() -> None:
    parties = map_streams(ORACLE.labels, metadata_of(ORACLE)).parties
    assert choose_roles(parties, ORACLE.labels, RolePolicy()) == (UNKNOWN, UNKNOWN)
    assert choose_roles(parties, ORACLE.labels, RolePolicy(caller_is=CUSTOMER)) == (CUSTOMER, AGENT)
    assert choose_roles(parties, ("1", "2"), RolePolicy(agent_labels=frozenset("1"))) == (AGENT, CUSTOMER)
    assert choose_roles(parties, ORACLE.labels, RolePolicy(("*@oracle.example",))) == (UNKNOWN, UNKNOWN)


def test_of_two_sides_the_other_is_the_customer_and_of_more_only_whom_somebody_names() -> None:
    agent, other = Party("8001@x"), Party("0901@x")
    policy = RolePolicy(("8*",))
    assert choose_roles((agent, None), (None, None), policy) == (AGENT, CUSTOMER)
    assert choose_roles((other, agent, None), (None,) * 3, policy) == (CUSTOMER, AGENT, UNKNOWN)
    assert choose_roles((agent,), (None,), policy) == (UNKNOWN,)


def test_cube_names_participants_in_headers() -> None:
    rows = [
        'sip:8001@10.0.0.1;media-index="1"',
        "sip:0901@10.0.0.2;media-index='x'",
        "sip:0902@h;media-index=0",
    ]
    assert parties_of_headers(rows, 2) == (Party("0902@h"), Party("8001@10.0.0.1"))
    assert parties_of_headers(['sip:a@b;media-index="7"'], 2) == (None, None)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"no xml",
        b'<!DOCTYPE r [<!ENTITY a "b">]><recording>&a;</recording>',
        b'<!DOCTYPE r SYSTEM "http://192.0.2.1/x"><recording/>',
        b'<?xml version="1.0" encoding="nonsense"?><recording/>',
        b"<recording>" + b" " * 262_200 + b"</recording>",
        b"<r>" + b"<a/>" * 4_001 + b"</r>",
    ],
)
def test_what_must_not_be_parsed_is_an_error(document: bytes) -> None:
    with pytest.raises(SipError):
        parse_metadata(document)


def test_hostile_nesting_costs_little() -> None:
    broken = b"<participant id='a'>" * 9_000 + b"</participant>" * 7_000
    deep = b"<participant id='a'>" * 3_900 + b"</participant>" * 3_900
    many = (
        b"<r>"
        + b"".join(b"<participant id='%d'><send>s</send></participant>" % n for n in range(1_900))
        + b"</r>"
    )
    began = time.perf_counter()
    with pytest.raises(SipError):
        parse_metadata(broken)
    assert len(parse_metadata(deep).participants) == 1
    assert len(parse_metadata(many).participants) == 64
    parse_metadata(b"<callData>" * 3_900 + b"</callData>" * 3_900)
    assert time.perf_counter() - began < 2
