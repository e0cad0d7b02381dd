import { describe, expect, test } from "vitest";
import type { CallEvent } from "../src/api/events";
import { applyAll, callState, emptyCall, missingFrom, settleUpTo } from "../src/live/callState";
import {
  alert,
  assistance,
  CALL,
  caseRevision,
  checklist,
  ended,
  partial,
  quarantined,
  speakers,
  started,
  utterance,
  wholeCall,
} from "./events";

const read = (events: readonly CallEvent[]) => applyAll(emptyCall(CALL), events);

/** The same shuffle every time. */
function shuffled<T>(list: readonly T[], seed: number): T[] {
  const copy = [...list];
  let state = seed;
  for (let i = copy.length - 1; i > 0; i -= 1) {
    state = (state * 1103515245 + 12345) % 2147483648;
    const j = state % (i + 1);
    [copy[i], copy[j]] = [copy[j] as T, copy[i] as T];
  }
  return copy;
}

describe("order and repetition", () => {
  test("an event that comes twice counts once", () => {
    const once = read(wholeCall());
    expect(read([...wholeCall(), ...wholeCall()])).toEqual(once);
    expect(callState(once, alert({ seq: 6 }))).toBe(once);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])("events in any order give the same call (shuffle %i)", (seed) => {
    expect(read(shuffled(wholeCall(), seed))).toEqual(read(wholeCall()));
  });

  test("two halves that overlap, as after a reconnect, give the whole call", () => {
    const all = wholeCall();
    expect(read([...all.slice(0, 8), ...all.slice(5)])).toEqual(read(all));
  });

  test("events of another call change nothing", () => {
    const before = read([started()]);
    expect(callState(before, utterance({ seq: 2, call_id: "other" }))).toBe(before);
  });
});

describe("missing events", () => {
  test("a jump in the numbers is seen, and is over once the missing one comes", () => {
    const jumped = read([started(), utterance({ seq: 2 }), utterance({ seq: 4 })]);
    expect(missingFrom(jumped)).toBe(3);
    expect(jumped.contiguousSeq).toBe(2);
    const mended = callState(jumped, utterance({ seq: 3 }));
    expect(missingFrom(mended)).toBeNull();
    expect(mended.contiguousSeq).toBe(4);
  });

  test("what came after the jump is shown meanwhile", () => {
    const jumped = read([started(), utterance({ seq: 4 })]);
    expect(jumped.utterances.map((said) => said.utterance_id)).toEqual(["u4"]);
  });

  test("numbers that the service does not keep can be settled", () => {
    const jumped = read([started(), utterance({ seq: 4 }), utterance({ seq: 7 })]);
    const settled = settleUpTo(jumped, 4);
    expect(settled.contiguousSeq).toBe(4);
    expect(missingFrom(settled)).toBe(5);
    expect(missingFrom(settleUpTo(settled, 6))).toBeNull();
  });

  test("settling never goes back", () => {
    const state = read(wholeCall());
    expect(settleUpTo(state, 3)).toBe(state);
  });
});

describe("running text", () => {
  test("gives way to the final text of the same utterance", () => {
    const during = read([started(), partial({ seq: 2, utterance_id: "u3" })]);
    expect(during.partials).toHaveLength(1);
    expect(callState(during, utterance({ seq: 3 })).partials).toEqual([]);
  });

  test("is replaced by a newer one of the same speaker, and stands beside the other speaker's", () => {
    const state = read([
      started(),
      partial({ seq: 2, stable: "古い" }),
      partial({ seq: 3, speaker: "agent", utterance_id: "u-agent" }),
      partial({ seq: 4, stable: "新しい" }),
    ]);
    expect(state.partials.map((text) => [text.speaker, text.stable])).toEqual([
      ["agent", "もし"],
      ["customer", "新しい"],
    ]);
  });

  test("that comes late does not push out newer text", () => {
    const state = read([
      started(),
      partial({ seq: 4, stable: "新しい" }),
      partial({ seq: 3, stable: "古い" }),
    ]);
    expect(state.partials.map((text) => text.stable)).toEqual(["新しい"]);
    const settled = read([started(), utterance({ seq: 4 }), partial({ seq: 3, utterance_id: "u4" })]);
    expect(settled.partials).toEqual([]);
  });

  test("is dropped when it was not believed, and when the call ends", () => {
    const during = read([started(), partial({ seq: 2 })]);
    expect(callState(during, quarantined({ seq: 3 })).partials).toEqual([]);
    expect(callState(during, ended({ seq: 3 })).partials).toEqual([]);
  });
});

describe("what the latest word is", () => {
  test("an older case revision never replaces a newer one", () => {
    const state = read([started(), caseRevision({ seq: 5 }), caseRevision({ seq: 3 })]);
    expect(state.caseRevision?.seq).toBe(5);
  });

  test("an older checklist change never replaces a newer one", () => {
    const state = read([
      started(),
      checklist({ seq: 5, item: "ask_name", done: false }),
      checklist({ seq: 3, item: "ask_name", done: true }),
    ]);
    expect(state.checklist["ask_name"]?.done).toBe(false);
  });

  test("utterances stand in the order in which they were said", () => {
    const state = read([
      started(),
      utterance({ seq: 2, start_ms: 5000, end_ms: 6000 }),
      utterance({ seq: 3, start_ms: 1000, end_ms: 2000 }),
    ]);
    expect(state.utterances.map((said) => said.start_ms)).toEqual([1000, 5000]);
  });

  test("who said what is replaced by a later look, never by an older one", () => {
    const first = speakers({ seq: 3, utterance_id: "0-0" });
    const later = speakers({ seq: 5, utterance_id: "0-0" });
    const other = speakers({ seq: 4, utterance_id: "0-900" });
    expect(read([later, first, other]).speakers).toEqual({ "0-0": later, "0-900": other });
  });

  test("an older word on assistance never replaces a newer one", () => {
    const state = read([started(), assistance({ seq: 5, level: "normal" }), assistance({ seq: 3 })]);
    expect(state.assistance?.level).toBe("normal");
  });
});
