"""Limits are met, missed or open by what the results say."""

from typing import Any

import pytest
from koemori.server.bench.limits import Limit, limits, memory_growth, peer_rows

from tests.fakes import bench_results as results

pytestmark = pytest.mark.unit


def verdicts(*given: dict[str, Any]) -> dict[str, bool | None]:
    return {f"{row.topic}: {row.asked}": row.met for row in limits(given)}


def peers() -> dict[str, Any]:
    return {**results.peers(), "bench": "peers"}


def test_nothing_measured_leaves_every_limit_open() -> None:
    assert set(verdicts().values()) == {None}
    assert len(verdicts()) == 18


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


def test_a_newer_result_that_does_not_fit_leaves_the_older_one() -> None:
    faster = {**results.latency(), "speed": 4.0, "measured_at": "2027-01-01"}
    short = {**results.long_latency(), "minutes": 5.0, "measured_at": "2027-01-01"}
    found = verdicts(results.latency(), faster, results.long_latency(), short)
    assert found["One call: Partial after its audio, p95: at most 1,000 ms"] is True
    assert found["60-minute call: Memory flat, most over that at minute 5: within 5%"] is True


def test_the_newest_capacity_file_that_has_a_number_of_calls_counts() -> None:
    old, new = results.capacity(), {**results.capacity(), "measured_at": "2027-01-01"}
    for run in old["runs"]:
        run["latency"]["utterance_after_words"]["p95"] = 9000
        run["recordings_exact"] = 0
    old["cpu_per_call_spread"] = 0.9
    for given in ((old, new), (new, old)):
        assert {met for what, met in verdicts(*given).items() if what.startswith("Capacity")} == {True}
    new["runs"] = new["runs"][-1:]
    found = verdicts(new, old)
    assert found["Capacity: 10 calls: final after the words, p95: at most 2,000 ms"] is False
    assert found["Capacity: 25 calls: final after the words, p95: at most 3,000 ms"] is True


def test_a_turn_that_was_not_heard_out_is_a_miss() -> None:
    result = results.latency()
    result["calls"][0]["turns_heard"] = 19
    missed = [row for row in limits([result]) if row.met is False]
    assert missed == [Limit("One call", "All turns heard to their end", "19 of 20", False)]


def test_stable_text_is_judged_by_partials_and_not_by_what_the_final_words_otherwise() -> None:
    asked = "Text: Stable text never contradicted by a later partial"
    result = results.accuracy()
    assert verdicts(result)[asked] is True
    result["stable_text"] = {**result["stable_text"], "contradicted": 1}
    assert verdicts(result)[asked] is False
    del result["stable_text"]["reworded"]
    assert verdicts(result)[asked] is None


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


def test_a_system_that_never_ran_to_the_end_has_a_row_without_figures() -> None:
    given = peers()
    assert [
        (row["system"], row["rounds"], row["errors"]) for row in peer_rows(given) if not row["rounds"]
    ] == [("whisperlive", 0, ["timed out"])]
    given["summary"]["1 streams"]["koemori"] = {"rounds": 0, "errors": ["no end"]}
    found = verdicts(given)
    assert found["Peers, 1 stream: Last utterance delivered"] is False
    assert found["Peers, 1 stream: CER no higher"] is None


def test_a_peer_that_is_nearly_as_good_makes_a_miss() -> None:
    given = peers()
    given["summary"]["1 streams"]["whisperlivekit"]["commit_p95_s"] = 3.9
    found = [row for row in limits([given]) if row.met is False]
    assert [(row.topic, row.measured) for row in found] == [("Peers, 1 stream", "1.00 s against 3.90 s")]
