"""Events as Amazon Connect and Genesys document them become events of the neutral schema."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.server.cti.mapping import MOST_EVENTS, EventMapper, EventMappingError, load_mapper
from koemori.server.cti.schema import EventType

pytestmark = pytest.mark.unit

INSTANCE = "arn:aws:connect:ap-northeast-1:123456789012:instance/12345678-1234-1234-1234-123456789012"
AGENT = f"{INSTANCE}/agent/87654321-0000-0000-0000-000000000001"
QUEUE = f"{INSTANCE}/queue/11111111-2222-0000-0000-000000000002"
TOPIC = "v2.detail.events.conversation.{id}."


def mapper(name: str) -> EventMapper:
    found = load_mapper(name)
    assert found is not None
    return found


def connect(event_type: str, **detail: Any) -> dict[str, Any]:
    """As EventBridge delivers it; see the sample events of the administrator's guide."""
    return {
        "version": "0",
        "id": f"abcabcab-abca-abca-abca-{event_type}",
        "detail-type": "Amazon Connect Contact Event",
        "source": "aws.connect",
        "account": "111122223333",
        "time": "2026-11-20T08:29:10Z",
        "region": "ap-northeast-1",
        "resources": ["arn:aws:...", "contactArn", "instanceArn"],
        "detail": {
            "eventType": event_type,
            "contactId": "11111111-1111-1111-1111-111111111111",
            "initialContactId": "11111111-2222-3333-4444-555555555555",
            "channel": "VOICE",
            "instanceArn": INSTANCE,
            "initiationMethod": "INBOUND",
            "initiationTimestamp": "2026-11-20T08:17:53.000Z",
            **detail,
        },
    }


def genesys(topic: str, **body: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": f"evt-{topic}",
        "detail-type": TOPIC + topic,
        "source": "aws.partner/genesys.com/cloud/org/koemori",
        "time": "2026-11-20T08:29:10Z",
        "detail": {
            "topicName": f"v2.detail.events.conversation.c-1.{topic}",
            "version": "2",
            "timestamp": "2026-11-20T08:29:09.500Z",
            "eventBody": {
                "eventTime": 1_795_163_349_250,
                "conversationId": "c-1",
                "participantId": "p-1",
                "sessionId": "s-1",
                "mediaType": "VOICE",
                "direction": "INBOUND",
                "ani": "tel:+81312345678",
                "dnis": "tel:+815012345678",
                **body,
            },
            "metadata": {"CorrelationId": "x"},
        },
    }


def test_amazon_connect_tells_queue_agent_and_the_chain_of_contacts() -> None:
    queued = {"queueInfo": {"queueArn": QUEUE, "queueType": "STANDARD"}}
    (joined,) = mapper("amazon-connect").events(connect("QUEUED", **queued))
    (connected,) = mapper("amazon-connect").events(
        connect("CONNECTED_TO_AGENT", agentInfo={"agentArn": AGENT}, **queued)
    )
    assert (joined.type, joined.queue) == (EventType.QUEUE_JOINED, "11111111-2222-0000-0000-000000000002")
    assert (connected.type, connected.agent_id) == (
        EventType.AGENT_CONNECTED,
        "87654321-0000-0000-0000-000000000001",
    )
    assert connected.names == {
        "11111111-1111-1111-1111-111111111111",
        "11111111-2222-3333-4444-555555555555",
    }
    assert connected.occurred_at.isoformat() == "2026-11-20T08:29:10+00:00"


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ({"queueInfo": {"queueArn": QUEUE}}, {EventType.QUEUE_ABANDONED, EventType.CALL_ENDED}),
        (
            {"queueInfo": {"queueArn": QUEUE}, "agentInfo": {"agentArn": AGENT}},
            {EventType.CALL_ENDED},
        ),
        ({}, {EventType.CALL_ENDED}),
        ({"queueInfo": {"queueArn": QUEUE}, "initiationMethod": "CALLBACK"}, {EventType.CALL_ENDED}),
        ({"channel": "CHAT", "queueInfo": {"queueArn": QUEUE}}, set()),
    ],
)
def test_a_contact_that_was_queued_and_never_met_an_agent_was_abandoned(
    detail: dict[str, Any], expected: set[EventType]
) -> None:
    events = mapper("amazon-connect").events(connect("DISCONNECTED", **detail))
    assert {event.type for event in events} == expected
    assert len({event.event_id for event in events}) == len(events)


@pytest.mark.parametrize(
    ("method", "expected", "transfer"),
    [
        ("INBOUND", EventType.CALL_STARTED, None),
        ("TRANSFER", EventType.CALL_TRANSFERRED, "attended"),
        ("CALLBACK", EventType.CALLBACK_ATTEMPTED, None),
    ],
)
def test_how_a_contact_began_says_what_it_is(method: str, expected: EventType, transfer: str | None) -> None:
    (event,) = mapper("amazon-connect").events(connect("INITIATED", initiationMethod=method))
    assert (event.type, event.transfer) == (expected, transfer)


def test_genesys_tells_numbers_legs_and_times_in_milliseconds() -> None:
    (started,) = mapper("genesys").events(genesys("customer.start"))
    (connected,) = mapper("genesys").events(genesys("user.start", userId="u-1", queueId="q-1"))
    assert (started.type, started.from_, started.to) == (
        EventType.CALL_STARTED,
        "+81312345678",
        "+815012345678",
    )
    assert started.occurred_at.timestamp() == 1_795_163_349.25
    assert (connected.agent_id, connected.queue, connected.leg_id) == ("u-1", "q-1", "s-1")


@pytest.mark.parametrize(
    ("topic", "body", "expected"),
    [
        ("acd.start", {"queueId": "q-1"}, [EventType.QUEUE_JOINED]),
        ("acd.end", {"acdOutcome": "ANSWERED"}, [EventType.QUEUE_LEFT]),
        ("acd.end", {"acdOutcome": "ABANDON"}, [EventType.QUEUE_ABANDONED, EventType.QUEUE_LEFT]),
        ("user.end", {"disconnectType": "TRANSFER"}, [EventType.CALL_TRANSFERRED]),
        ("user.end", {"disconnectType": "PEER"}, []),
        ("acw", {}, [EventType.WRAPUP_ENDED]),
        ("customer.end", {}, [EventType.CALL_ENDED]),
        ("customer.end", {"mediaType": "MESSAGE"}, []),
        ("attributes", {}, []),
    ],
)
def test_genesys_topics_are_told_apart(topic: str, body: dict[str, Any], expected: list[EventType]) -> None:
    assert [event.type for event in mapper("genesys").events(genesys(topic, **body))] == expected


def test_a_list_of_events_is_taken_up_to_a_limit() -> None:
    genesys_events = mapper("genesys")
    assert len(genesys_events.events([genesys("customer.start"), genesys("customer.end")])) == 2
    with pytest.raises(EventMappingError, match="at most"):
        genesys_events.events([{}] * (MOST_EVENTS + 1))


def test_an_event_that_lacks_what_it_must_have_is_refused_without_repeating_it() -> None:
    broken = genesys("user.start", userId="secret-person")
    del broken["detail"]["eventBody"]["conversationId"]
    with pytest.raises(EventMappingError, match="expected a usable call_id; got missing") as refused:
        mapper("genesys").events(broken)
    assert "secret-person" not in str(refused.value)


@pytest.mark.parametrize("name", ["", "../genesys", "Genesys", "unknown", "a" * 60])
def test_only_known_names_are_mappers(name: str) -> None:
    assert load_mapper(name) is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["id", "time", "detail", "eventType", "channel", "contactId", "eventBody", "x"])
            | st.text(max_size=8),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(document=_JSON, name=st.sampled_from(["amazon-connect", "genesys"]))
def test_no_document_breaks_a_mapper(document: object, name: str) -> None:
    with contextlib.suppress(EventMappingError):
        mapper(name).events(document)
