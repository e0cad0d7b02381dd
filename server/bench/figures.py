"""What played calls say about latency, cost and text; pure.

Latency has two measures. `partial`, `utterance`, `alert` are the contract's own: from the end of the audio an
event covers to the event. `…_after_words` count from the script's end of the turn's words to the last
utterance that covers it (and its alert): these also count what the detector adds or cuts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from koemori.server.bench.playing import Played, Said
from koemori.server.bench.spelling import Errors, count_errors
from koemori.server.bench.tapes import Turn
from koemori.server.calls.latency import percentiles
from koemori.server.wire import (
    STAGES,
    AlertEvent,
    GapEvent,
    PartialEvent,
    QuarantinedEvent,
    UtteranceEvent,
    WireEvent,
)

SLACK_MS = 400
"""How far an utterance may begin or end outside its turn and still belong to it."""
CUT_MS = 1000
"""How far before the turn's end its last utterance may end; a turn that lost more was not heard out."""
LONGEST_SPELLED_MS = 15 * 60_000

Values = dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a call, in media milliseconds; figures are of what is said in it."""

    from_ms: int = 0
    until_ms: int = 1 << 60

    def holds(self, media_ms: int) -> bool:
        """Whether a moment lies in it."""
        return self.from_ms <= media_ms < self.until_ms


ALL = Span()


def emitted(played: Played, span: Span = ALL) -> Values:
    """From the end of an event's audio to the event, per kind."""
    found: Values = {"partial": [], "utterance": [], "alert": []}
    for said in played.said:
        if said.event.type in found and span.holds(said.event.at_ms):
            found[said.event.type].append(played.behind_ms(said, said.event.at_ms))
    return found


def spoken(played: Played, span: Span = ALL) -> Values:
    """From the script's end of words to utterance and alert; from a turn's start to its first partial."""
    turns = [turn for turn in played.tape.turns if span.holds(turn.end_ms)]
    if not turns:
        return {}
    found: Values = {"utterance_after_words": [], "alert_after_words": [], "first_partial_after_start": []}
    turn_of: dict[str, Turn] = {}
    for turn in turns:
        last = _last_covering(played, turn)
        if last is not None:
            said, utterance = last
            found["utterance_after_words"].append(played.behind_ms(said, turn.end_ms))
            turn_of[utterance.utterance_id] = turn
        first = _first_partial(played, turn)
        if first is not None:
            found["first_partial_after_start"].append(played.behind_ms(first, turn.start_ms))
    for said in played.said:
        event = said.event
        if isinstance(event, AlertEvent) and event.utterance_ids and event.utterance_ids[-1] in turn_of:
            behind_ms = played.behind_ms(said, turn_of[event.utterance_ids[-1]].end_ms)
            found["alert_after_words"].append(behind_ms)
    return found


def stages(played: Played, span: Span = ALL) -> dict[str, Values]:
    """Where the time of partials, utterances and alerts went, per kind and stage."""
    found: dict[str, Values] = {}
    for said in played.said:
        event = said.event
        if not isinstance(event, PartialEvent | UtteranceEvent | AlertEvent) or event.latency is None:
            continue
        if span.holds(event.at_ms):
            of_kind = found.setdefault(event.type, {stage: [] for stage in STAGES})
            for stage in STAGES:
                of_kind[stage].append(getattr(event.latency, f"{stage}_ms"))
    return found


def turns_heard(played: Played, span: Span = ALL) -> tuple[int, int]:
    """Turns of the script that utterances cover to their end, and all of them."""
    turns = [turn for turn in played.tape.turns if span.holds(turn.end_ms)]
    return len(turns) - len(turns_unheard(played, span)), len(turns)


def turns_unheard(played: Played, span: Span = ALL) -> list[Turn]:
    """Turns of the script that no utterance covers to their end."""
    turns = [turn for turn in played.tape.turns if span.holds(turn.end_ms)]
    return [turn for turn in turns if _last_covering(played, turn) is None]


def character_errors(played: Played) -> dict[str, Errors]:
    """Errors per side over the whole call.

    Empty unless the script holds all that is said; and for calls so long that comparing texts, whose cost
    grows with the square of their length, would take minutes.
    """
    tape = played.tape
    if not tape.whole or not any(turn.text for turn in tape.turns) or tape.duration_ms > LONGEST_SPELLED_MS:
        return {}
    texts: dict[str, list[UtteranceEvent]] = {}
    for event in played.events:
        if isinstance(event, UtteranceEvent):
            texts.setdefault(event.speaker.value, []).append(event)
    heard = {
        side: "".join(event.text for event in sorted(found, key=lambda event: event.start_ms))
        for side, found in texts.items()
    }
    return {role.value: count_errors(tape.text(role.value), heard.get(role.value, "")) for role in tape.roles}


def committed(events: Iterable[WireEvent]) -> dict[str, int]:
    """How well text shown as stable was kept.

    Returns:
        `utterances`: that showed stable text before they were final. `contradicted`: a later partial does not
        begin with it, which must not be. `reworded`: the final does not begin with it, which may be: the
        final is the commitment. `withdrawn`: quarantined after stable text was shown. `unfinished`: that
        never came to an end.
    """
    shown: dict[str, str] = {}
    counts = {"utterances": 0, "contradicted": 0, "reworded": 0, "withdrawn": 0, "unfinished": 0}
    contradicted: set[str] = set()
    for event in events:
        match event:
            case PartialEvent():
                if not event.stable.startswith(shown.get(event.utterance_id, "")):
                    contradicted.add(event.utterance_id)
                shown[event.utterance_id] = event.stable
            case UtteranceEvent() if stable := shown.pop(event.utterance_id, "").strip():
                counts["utterances"] += 1
                counts["reworded"] += not event.text.startswith(stable)
            case QuarantinedEvent() if event.utterance_id is not None:
                counts["withdrawn"] += bool(shown.pop(event.utterance_id, ""))
    counts["contradicted"] = len(contradicted)
    counts["unfinished"] = sum(bool(stable) for stable in shown.values())
    return counts


def not_assisted_ms(events: Iterable[WireEvent], span: Span = ALL) -> int:
    """Recorded audio that was not listened to, over all channels."""
    return sum(
        max(0, min(event.at_ms, span.until_ms) - max(event.start_ms, span.from_ms))
        for event in events
        if isinstance(event, GapEvent) and event.cause == "not_assisted"
    )


def pooled(many: Iterable[Mapping[str, list[int]]]) -> Values:
    """The values of several calls together, per name."""
    together: Values = {}
    for values in many:
        for name, latencies in values.items():
            together.setdefault(name, []).extend(latencies)
    return together


def ranked(values: Mapping[str, list[int]]) -> dict[str, Any]:
    """p50, p95, p99 and count per name, in milliseconds."""
    return {name: percentiles(latencies).model_dump() for name, latencies in values.items()}


def ranked_stages(many: Iterable[Mapping[str, Values]]) -> dict[str, Any]:
    """`ranked` per kind of event and stage, with the mean, which is what adds up to the whole."""
    by_kind: dict[str, list[Values]] = {}
    for found in many:
        for kind, values in found.items():
            by_kind.setdefault(kind, []).append(values)
    return {
        kind: {
            stage: {**percentiles(latencies).model_dump(), "mean": round(sum(latencies) / len(latencies), 1)}
            for stage, latencies in pooled(all_values).items()
            if latencies
        }
        for kind, all_values in by_kind.items()
    }


def distribution(values: Iterable[int]) -> list[int]:
    """The values at 0, 1, … 100 percent by nearest rank; empty when there are none."""
    ordered = sorted(values)
    return (
        [ordered[max(0, -(-percent * len(ordered) // 100) - 1)] for percent in range(101)] if ordered else []
    )


def _last_covering(played: Played, turn: Turn) -> tuple[Said, UtteranceEvent] | None:
    covering = [
        (said, said.event)
        for said in played.said
        if isinstance(said.event, UtteranceEvent) and _covers(said.event, turn)
    ]
    return covering[-1] if covering and covering[-1][1].end_ms >= turn.end_ms - CUT_MS else None


def _covers(event: UtteranceEvent, turn: Turn) -> bool:
    middle_ms = (event.start_ms + event.end_ms) // 2
    return (
        event.speaker.value == turn.speaker
        and turn.start_ms - SLACK_MS <= middle_ms <= turn.end_ms + SLACK_MS
    )


def _first_partial(played: Played, turn: Turn) -> Said | None:
    shown = [
        said
        for said in played.said
        if isinstance(said.event, PartialEvent)
        and said.event.speaker.value == turn.speaker
        and turn.start_ms <= said.event.at_ms <= turn.end_ms + SLACK_MS
    ]
    return min(shown, key=lambda said: said.said_ms, default=None)
