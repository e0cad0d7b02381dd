"""What a search shows to whom: words as they were said to who may hear them, redacted to others."""

from __future__ import annotations

import pytest
from koemori.server.auth import permissions
from koemori.server.auth.permissions import Action, Role

from tests.fakes.office import Office

pytestmark = pytest.mark.integration

LINES = [
    ("agent", "お電話ありがとうございます、応対でございます"),
    ("customer", "返金してください"),
    ("agent", "お名前とお電話番号をお願いします"),
    ("customer", "星です、返金は080の"),
    ("customer", "1111の"),
    ("customer", "2301へ"),
    ("agent", "星様、返金は小野寺が承ります"),
]


@pytest.fixture
def recorded(office: Office) -> str:
    call_id = office.call(lines=LINES, fields={"customer_name": "星", "phone": "08011112301"})
    return office.recording(call_id, 0.2).recording_id


@pytest.fixture
def legal_hears_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of rights in which legal may search and read, but not hear."""
    rights = dict(permissions._RIGHTS[Role.LEGAL])
    del rights[Action.RECORDING_PLAY]
    monkeypatch.setitem(permissions._RIGHTS, Role.LEGAL, rights)


def hits(office: Office, who: str, words: str) -> list[str]:
    answer = office.browser(who).get("/api/v1/recordings", params={"words": words})
    return [hit["text"] for item in answer.json()["items"] for hit in item["hits"]]


def test_who_may_hear_sees_what_was_said(office: Office, recorded: str) -> None:
    assert hits(office, "counsel", "返金") == [LINES[1][1], LINES[3][1], LINES[6][1]]


@pytest.mark.usefixtures("legal_hears_nothing")
def test_who_may_not_hear_sees_it_without_personal_data(office: Office, recorded: str) -> None:
    assert hits(office, "counsel", "返金") == [
        "返金してください",
        "[氏名]です、返金は[電話番号]の",
        "[氏名]様、返金は[氏名]が承ります",
    ]
    assert hits(office, "boss", "返金") == [LINES[1][1], LINES[3][1], LINES[6][1]]


@pytest.mark.usefixtures("legal_hears_nothing")
def test_a_piece_of_a_number_is_known_by_the_question_before_it(office: Office, recorded: str) -> None:
    assert hits(office, "counsel", "1111") == ["[電話番号]の"]
