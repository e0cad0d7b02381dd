"""Limits are met, missed or open by what the results say."""

from typing import Any

import pytest
from koemori.server.bench.limits import Limit, limits, memory_growth

from tests.fakes import bench_results as results

pytestmark = pytest.mark.unit


def verdicts(*given: dict[str, Any]) -> dict[str, bool | None]:
    return {f"{row.topic}: {row.asked}": row.met for row in limits(given)}


def peers() -> dict[str, Any]:
    return {**results.peers(), "bench": "peers"}


def test_nothing_measured_leaves_every_limit_open() -> None:
    assert set(verdicts().values()) == {None}
    assert len(verdicts()) == 17


def test_good_results_meet_every_limit() -> None:
    given = [
        results.latency(),
        results.long_latency(),
        results.capacity(),
        results.capacity("off"),
        results.accuracy(),
        peers(),
    ]
    assert [row for row in limits(given) if row.met is not True] == []


def test_a_missed_limit_says_by_how_much() -> None:
    result = results.latency()
    result["overall"]["latency"]["partial"]["p95"] = 1001
    missed = [row for row in limits([result]) if row.met is False]
    assert missed == [Limit("One call", "Partial after its audio, p95: at most 1,000 ms", "1,001 ms", False)]


def test_the_newest_of_several_results_counts() -> None:
    old, new = results.accuracy(), results.accuracy()
    old |= {"measured_at": "2025-01-01", "points_worse": 9.0}
    assert verdicts(old, new)["Text: CER at most 2 points above offline decoding"]
    assert verdicts(new, old)["Text: CER at most 2 points above offline decoding"]


def test_latency_of_a_call_played_faster_meets_no_limit() -> None:
    assert set(verdicts({**results.latency(), "speed": 4.0}).values()) == {None}


def test_ten_calls_are_judged_with_partials_and_twenty_five_by_finals_alone() -> None:
    auto, off = results.capacity(), results.capacity("off")
    auto["runs"][-1]["latency"]["utterance_after_words"]["p95"] = 9000
    asked = "Capacity: 25 calls: final after the words, p95: at most 3,000 ms"
    assert verdicts(auto, off)[asked] is True
    assert verdicts(auto)[asked] is False
    auto["runs"][3]["partials_per_speech_s"] = 0.0
    assert verdicts(auto)["Capacity: 10 calls: partials still come"] is False


def test_a_short_recording_or_left_out_audio_is_a_miss() -> None:
    result = results.capacity()
    result["runs"][0]["recordings_exact"] = 0
    result["runs"][3]["not_assisted_share"] = 0.001
    found = verdicts(result)
    assert found["Capacity: Recordings exact"] is False
    assert found["Capacity: 10 calls: nothing left out"] is False


def test_too_few_minutes_prove_nothing() -> None:
    accuracy, long = results.accuracy(), {**results.long_latency(), "minutes": 30.0}
    assert verdicts({**results.long_latency(), "speed": 4.0})["60-minute call: Memory flat"] is None
    accuracy["phantoms"]["minutes"] = 5.0
    found = verdicts(accuracy, long)
    assert found["Text: No phantom utterance in 30 minutes"] is None
    assert found["60-minute call: Memory flat"] is None
    accuracy["phantoms"]["utterances"] = 1
    assert verdicts(accuracy)["Text: No phantom utterance in 30 minutes"] is False


def test_memory_grows_from_minute_five() -> None:
    assert memory_growth([100, 150, 190, 200, 200, 200, 201, 210, 205]) == pytest.approx(0.05)
    assert memory_growth([100, 200]) is None


def test_a_run_of_ours_that_broke_off_delivered_nothing() -> None:
    given = peers()
    given["summary"]["1 streams"]["koemori"]["errors"] = ["no end"]
    assert verdicts(given)["Peers, 1 stream: Last utterance delivered"] is False


def test_a_peer_that_is_nearly_as_good_makes_a_miss() -> None:
    given = peers()
    given["summary"]["1 streams"]["whisperlivekit"]["commit_p95_s"] = 3.9
    found = [row for row in limits([given]) if row.met is False]
    assert [(row.topic, row.measured) for row in found] == [("Peers, 1 stream", "1.00 s against 3.90 s")]
