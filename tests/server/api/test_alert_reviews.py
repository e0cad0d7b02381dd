"""What a third opinion thinks of an alert is kept with the call and shown beside the alert."""

import pytest
from koemori.assist.types import Category, Verdict
from koemori.server.wire import AlertEvent, AlertReviewEvent

from tests.fakes.office import Office

pytestmark = pytest.mark.integration


def test_a_recording_and_a_transcript_show_the_review_beside_the_alert(office: Office) -> None:
    call_id = office.call(ended=False)
    alerts = [
        AlertEvent(
            call_id=call_id,
            seq=seq,
            at_ms=1000,
            alert_id=f"threat.kill@{seq}",
            category=Category.THREAT,
            severity=2,
            harassment=True,
            rule_id="threat.kill",
            utterance_ids=("1-0",),
            quote="殺すぞ",
            explanation="危害の予告",
        )
        for seq in (10, 11)
    ]
    review = AlertReviewEvent(
        call_id=call_id,
        seq=12,
        at_ms=1000,
        alert_id="threat.kill@10",
        verdict=Verdict.NOT_HARASSMENT,
        reason="商品への不満",
        model="some-model",
    )
    office.records.append(call_id, [*alerts, review])
    office.end(call_id, 13, 8000)
    recording_id = office.recording(call_id, 8.0).recording_id
    for path in (f"recordings/{recording_id}", f"calls/{call_id}/transcript"):
        shown = office.browser("counsel").get(f"/api/v1/{path}").json()["alerts"]
        reviews = {one["alert_id"]: one["review"] for one in shown}
        assert reviews["threat.kill@11"] is None
        told = reviews["threat.kill@10"]
        assert (told["verdict"], told["reason"], told["model"]) == (
            "not_harassment",
            "商品への不満",
            "some-model",
        )
    assert office.records.read(call_id, 11, 1) == [review]
