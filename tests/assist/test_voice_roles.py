"""Whose voice it is, by what it says: on scripted calls, from their beginning and from their middle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from koemori.assist.errors import PlaybookError
from koemori.assist.voice_roles import BUILT_IN, MOST_VOICES, VoiceRoles, load_role_rules
from koemori.audio.call import ChannelRole

pytestmark = pytest.mark.unit

CORPUS = Path(__file__).parents[2] / "benchmarks" / "corpus"
CALLS = [*sorted((CORPUS / "calls").glob("*.json")), *sorted((CORPUS / "authored" / "calls").glob("*.json"))]
AGENT, CUSTOMER, UNKNOWN = ChannelRole.AGENT, ChannelRole.CUSTOMER, ChannelRole.UNKNOWN
GREETING = "お電話ありがとうございます。ネットサポートの木村でございます。"


def fresh() -> VoiceRoles:
    return VoiceRoles(load_role_rules())


def told(turns: list[dict[str, Any]], key: str) -> dict[str, ChannelRole]:
    """Roles of the two voices after the turns, by who they are; the customer's voice is named first."""
    roles = fresh()
    names = {"agent": "S2", "customer": "S1"}
    for turn in turns:
        roles.hear(str(turn["i"]), [(names[turn["speaker"]], turn[key])])
    return {speaker: roles.role_of(voice) for speaker, voice in names.items()}


@pytest.mark.parametrize("key", ["text", "text_asr"])
def test_in_every_scripted_call_the_voices_are_told_within_thirty_seconds(key: str) -> None:
    assert len(CALLS) == 32
    for file in CALLS:
        turns = json.loads(file.read_text(encoding="utf-8"))["turns"]
        begun = [turn for turn in turns if turn["end"] < 30]
        assert told(begun, key) == {"agent": AGENT, "customer": CUSTOMER}, file.stem


def test_calls_heard_from_their_middle_on_are_told_rightly_or_not_at_all() -> None:
    sure = 0
    for file in CALLS:
        turns = json.loads(file.read_text(encoding="utf-8"))["turns"]
        roles = told(turns[len(turns) // 2 :], "text_asr")
        assert roles["agent"] in (AGENT, UNKNOWN), file.stem
        assert roles["customer"] in (CUSTOMER, UNKNOWN), file.stem
        sure += roles["agent"] is AGENT
    assert sure >= 25


def test_nobody_is_anybody_before_it_is_sure_and_nobody_changes_sides_after() -> None:
    roles = fresh()
    assert not roles.hear("u1", [("S1", "はい、もしもし。")])
    assert roles.role_of("S1") is UNKNOWN
    assert 0.1 < roles.probability("S1") < 0.9
    assert roles.hear("u2", [("S2", GREETING)])
    assert (roles.role_of("S2"), roles.role_of("S1")) == (AGENT, CUSTOMER)
    for number in range(5):
        roles.hear(f"v{number}", [("S1", "恐れ入りますが、お客様のお名前をお伺いできますでしょうか")])
        roles.hear(f"w{number}", [("S2", "ふざけんなよ、お前。早くしろ。")])
    assert roles.probability("S1") > 0.9
    assert (roles.role_of("S2"), roles.role_of("S1")) == (AGENT, CUSTOMER)


def test_what_is_said_again_of_an_utterance_takes_the_place_of_what_was_said_before() -> None:
    roles = fresh()
    roles.hear("u1", [("S1", "お電話ありがとうございます")])
    before = roles.probability("S1")
    roles.hear("u1", [("S2", "お電話ありがとうございます")])
    assert roles.probability("S1") < 0.5 < roles.probability("S2")
    assert roles.probability("S2") == pytest.approx(before)


def test_one_phrase_however_often_said_makes_nobody_sure() -> None:
    roles = fresh()
    for number in range(9):
        roles.hear(f"u{number}", [("S1", "お電話ありがとうござい")])
    assert roles.role_of("S1") is UNKNOWN


def test_a_second_agent_is_not_taken_for_the_customer() -> None:
    roles = fresh()
    roles.hear("u1", [("S1", GREETING)])
    roles.hear(
        "u2",
        [("S2", "お電話代わりました。担当の佐藤と申します。お客様、申し訳ございません。")],
    )
    roles.hear("u3", [("S3", "だからさあ、早くしてくれよ。ふざけんな。")])
    assert [roles.role_of(voice) for voice in ("S1", "S2", "S3")] == [AGENT, UNKNOWN, CUSTOMER]


def test_more_voices_than_can_be_told_stay_unknown() -> None:
    roles = fresh()
    for number in range(MOST_VOICES):
        roles.hear(f"u{number}", [(f"S{number}", "はい")])
    roles.hear("last", [("S99", GREETING)])
    assert roles.role_of("S99") is UNKNOWN


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("least_probability = 0.98", "least_probability = 0.5", "a probability above 0.5"),
        ("least_signs = 2", "least_signs = 0", "counts of at least 1"),
        ('version = "1"', "", "KeyError 'version'"),
        ('"代わりました"', '"("', "error"),
    ],
)
def test_rules_that_do_not_fit_are_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "roles.toml"
    written = BUILT_IN.read_text(encoding="utf-8")
    assert old in written
    file.write_text(written.replace(old, new), encoding="utf-8")
    with pytest.raises(PlaybookError, match=said):
        load_role_rules(file)
