"""The ruler of the comparison: what counts as committed, shown, missed, and how runs become figures."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers.alignment import Turn, align, distance_within, judge_turns
from benchmarks.peers.comparison import Plan, run_plan
from benchmarks.peers.measures import compare, judge_stream, quantiles, summarize
from benchmarks.peers.processes import CpuMeter, PeerError, Usage, tree_usage
from benchmarks.peers.records import StreamLog, TextEvent, committed_characters, fold, snapshots
from benchmarks.peers.streams import LINE_HZ, Stream, choose_streams, load_side, phantom_stream

pytestmark = pytest.mark.unit

TURNS = (
    Turn(1.0, 3.0, "ネットがつながらないんだけど。"),
    Turn(6.0, 8.0, "契約番号は七一二〇です。"),
)


def commit(at_s: float, text: str) -> TextEvent:
    return TextEvent(at_s, "commit", text)


def partial(at_s: float, text: str) -> TextEvent:
    return TextEvent(at_s, "partial", text)


def test_punctuation_width_and_katakana_make_no_difference() -> None:
    assert fold("ネット、が ＡＢ１。") == "ねっとがab1"


def test_a_commit_takes_the_revisable_text_away() -> None:
    screens = list(snapshots([partial(1, "ねっ"), commit(2, "ネット"), partial(3, "が")]))
    assert [(screen.committed, screen.text) for screen in screens] == [
        (0, "ねっ"),
        (3, "ねっと"),
        (3, "ねっとが"),
    ]


def test_characters_know_the_event_that_brought_them() -> None:
    text, origins = committed_characters([commit(1, "あ、い"), partial(2, "うう"), commit(3, "う。")])
    assert (text, origins) == ("あいう", [0, 0, 2])


def test_alignment_takes_the_least_number_of_edits() -> None:
    pairs = align("あいうえ", "あxうえお")
    assert [(pair.reference, pair.hypothesis, pair.equal) for pair in pairs] == [
        (0, 0, True),
        (1, 1, False),
        (2, 2, True),
        (3, 3, True),
    ]
    assert align("", "あ") == []


def test_a_turn_is_committed_when_its_last_word_is() -> None:
    events = [commit(2.5, "ネットが"), commit(4.0, "つながらない"), commit(4.5, "んだけど")]
    first, second = judge_turns(TURNS, events)
    assert first.committed_s == 4.5
    assert first.share == 1.0
    assert not second.recognised
    assert second.committed_s is None


def test_the_tail_of_a_turn_that_comes_with_the_next_turn_is_late() -> None:
    events = [commit(3.2, "ネットがつながらない"), commit(9.0, "んだけど契約番号は七一二〇です")]
    first, second = judge_turns(TURNS, events)
    assert (first.committed_s, second.committed_s) == (9.0, 9.0)


def test_the_beginning_of_the_next_turn_does_not_stand_for_a_lost_end() -> None:
    events = [commit(3.2, "ネットがつながらない"), commit(9.0, "あのですね契約番号は七一二〇です")]
    first, _ = judge_turns(TURNS, events)
    assert first.committed_s == 3.2


def test_a_misheard_end_in_the_turns_own_event_counts() -> None:
    events = [
        commit(3.1, "ネットがつながらない"),
        commit(3.9, "んだげぞ"),
        commit(9.0, "契約番号は七一二〇です"),
    ]
    first, _ = judge_turns(TURNS, events)
    assert first.committed_s == 3.9


def test_text_is_shown_when_its_last_words_are_on_the_screen() -> None:
    events = [
        partial(1.5, "ネ"),
        partial(1.8, "ネットが"),
        partial(2.9, "ネットがつながらないんだけど"),
        commit(4.0, "ネットがつながらないんだけど"),
        partial(6.4, "け"),
        partial(6.9, "契約番号"),
        commit(9.5, "契約番号は七一二〇です"),
    ]
    first, second = judge_turns(TURNS, events)
    assert (first.first_text_s, first.first_shown_s, first.committed_s) == (1.8, 2.9, 4.0)
    assert (second.first_text_s, second.first_shown_s, second.committed_s) == (6.9, 9.5, 9.5)


def test_late_words_of_an_earlier_turn_are_no_first_text() -> None:
    events = [commit(6.5, "ネットがつながらないんだけど"), commit(9.0, "契約番号は七一二〇です")]
    _, second = judge_turns(TURNS, events)
    assert second.first_text_s == 9.0


def test_the_nearest_part_of_a_text_is_found() -> None:
    assert distance_within("つながらない", "ねっとがつなからないんだ") == 1
    assert distance_within("あい", "") == 2


def test_a_stream_is_one_side_and_ends_after_its_last_whole_turn() -> None:
    stream = load_side("c01", "customer", 32.0)
    assert [turn.text[:3] for turn in stream.turns] == ["あのさ", "小野寺"]
    assert stream.seconds == pytest.approx(stream.turns[-1].end_s + 1.5, abs=0.1)
    assert len(stream.samples()) == 2 * len(stream.mulaw)
    speaks, waits = stream.samples()[(10 * 16_000) :][:16_000], stream.samples()[16_000:32_000]
    assert np.abs(speaks).max() > 10 * np.abs(waits).max()


def test_eight_streams_of_four_calls_are_eight_speakers() -> None:
    names = [stream.name for stream in choose_streams(("c01", "c05", "c07", "c21"), 8, 50)]
    assert len(set(names)) == 8
    assert names[:2] == ["c01-customer", "c05-customer"]


def test_a_call_without_a_whole_turn_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a turn that ends within 5"):
        load_side("c01", "customer", 5.0)


def test_the_minute_without_speech_is_the_same_every_time_and_not_silent() -> None:
    stream = phantom_stream(6.0)
    assert stream.mulaw == phantom_stream(6.0).mulaw
    assert len(stream.mulaw) == 6 * LINE_HZ
    assert 0.1 < np.abs(stream.samples()).max() < 0.9


def log_of(*events: TextEvent, ended_s: float = 8.5) -> StreamLog:
    log = StreamLog(lambda: 10.0, events=list(events), ended_s=ended_s, complete=True)
    log.closed_s = log.now()
    return log


def stream_of(*turns: Turn) -> Stream:
    return Stream("x", bytes(LINE_HZ * 8), turns)


def test_a_log_notes_a_revisable_text_once() -> None:
    log = StreamLog(lambda: 3.0, began_s=1.0)
    for text in ("あ", "あ", "あい"):
        log.partial(text)
    log.commit("")
    log.commit("あい", 0, 500)
    log.partial("")
    assert [(event.at_s, event.kind, event.text) for event in log.events] == [
        (2.0, "partial", "あ"),
        (2.0, "partial", "あい"),
        (2.0, "commit", "あい"),
    ]


@pytest.mark.parametrize(
    ("at_s", "delivered"), [(8.2, "before the end of the audio"), (9.0, "after the end of the audio")]
)
def test_the_last_utterance_says_when_it_came(at_s: float, delivered: str) -> None:
    events = [commit(3.0, TURNS[0].text), commit(at_s, TURNS[1].text)]
    judged = judge_stream(stream_of(*TURNS), log_of(*events))
    assert judged["last_utterance"] == delivered
    assert judged["edits"] == 0
    assert judged["turns"][1]["commit_latency_s"] == pytest.approx(at_s - 8.0)


def test_a_last_utterance_that_never_came_is_said_so() -> None:
    judged = judge_stream(stream_of(*TURNS), log_of(commit(3.0, TURNS[0].text)))
    assert judged["last_utterance"] == "never"
    assert judged["edits"] == len("契約番号は七一二〇です")


def run_of(
    system: str, at_s: float, cpu: float, number: int = 0, error: str | None = None
) -> dict[str, object]:
    judged = judge_stream(stream_of(TURNS[0]), log_of(commit(at_s, TURNS[0].text)))
    return {
        "round": number,
        "streams_count": 1,
        "system": system,
        "error": error,
        "cpu_s_per_audio_s": cpu,
        "peak_memory_mib": 400,
        "streams": [] if error else [judged],
    }


def test_figures_are_medians_over_rounds_beside_the_better_peer() -> None:
    runs = [run_of("koemori", 3.0 + late_s, 0.1, number) for number, late_s in enumerate((0.5, 0.6, 5.0))]
    runs += [run_of("slow", 12.0, 0.3), run_of("cheap", 15.0, 0.2), run_of("broken", 3, 0, error="ended")]
    systems = summarize(runs)["1 streams"]
    assert systems["koemori"]["commit_p95_s"] == 0.6
    assert systems["koemori"]["all_rounds"]["commit_s"]["n"] == 3
    assert systems["broken"] == {"rounds": 0, "errors": ["ended"]}
    better = systems["against the better peer"]
    assert (better["commit_p95_s"]["best_peer"], better["cpu_s_per_audio_s"]["best_peer"]) == (
        "slow",
        "cheap",
    )
    assert better["cpu_s_per_audio_s"]["ratio"] == 0.5


def test_without_a_peer_there_is_nothing_to_compare() -> None:
    assert compare({"koemori": {"rounds": 1, "commit_p95_s": 0.5}}) == {}
    assert quantiles([None]) == {"n": 0, "p50": None, "p95": None, "p99": None}


def test_systems_take_turns_and_the_silent_minute_comes_once() -> None:
    plan = Plan(("a", "b"), (1, 0), ("c01",), 2, 50.0)
    assert list(plan.order()) == [
        (0, 1, "a"),
        (0, 1, "b"),
        (0, 0, "a"),
        (0, 0, "b"),
        (1, 1, "b"),
        (1, 1, "a"),
    ]


def test_a_file_made_from_other_audio_is_not_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.peers.comparison.ensure_model", lambda name: tmp_path / name)
    out = tmp_path / "peers.json"
    out.write_text(json.dumps({"audio": {"calls": ["c03"], "seconds": 20.0}}), encoding="utf-8")
    plan = Plan(("koemori",), (1,), ("c01",), 1, 50.0)
    with pytest.raises(PeerError, match=r"peers\.json: expected a file made from"):
        run_plan(plan, out, {}, os.cpu_count() or 1)


def test_the_cpu_of_a_stretch_is_read_from_the_samples_around_it() -> None:
    meter = CpuMeter(1, [Usage(at, at * 0.5, 10) for at in (0.0, 1.0, 2.0, 3.0)])
    assert meter.between(1.0, 3.0) == 1.5
    assert meter.between(2.5, 99.0) == 0.5


def test_our_own_usage_holds_what_we_have_spent() -> None:
    times = os.times()
    usage = tree_usage(os.getpid())
    assert usage.cpu_s >= times.user + times.system - 0.05
    assert usage.resident_bytes > 10_000_000
