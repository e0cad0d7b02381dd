import { describe, expect, test } from "vitest";
import { dayStart } from "../src/api/endpoints";
import type { CallSummary } from "../src/api/types";
import {
  abandonStanding,
  byNeed,
  longestWaitNow,
  serviceLevelStanding,
  waitStanding,
} from "../src/board/thresholds";
import { cardSeverity, standingCards } from "../src/desk/guidanceDeck";
import { openQuestions } from "../src/desk/questions";
import { recordingState } from "../src/desk/recordingState";
import { en } from "../src/i18n/en";
import { clock, seconds } from "../src/i18n/format";
import { ja } from "../src/i18n/ja";
import { applyAll, emptyCall } from "../src/live/callState";
import { NO_EDITS, typed } from "../src/live/caseEdits";
import { heardAt, heardRuns, searchTerms } from "../src/recordings/alignWords";
import { ledgerBar } from "../src/recordings/ledger";
import { alert, CALL, caseRevision, checklist, ended, field, gap, guidance, started } from "./events";

describe("guidance", () => {
  const deck = (events: Parameters<typeof applyAll>[1]) => applyAll(emptyCall(CALL), [started(), ...events]);
  const ids = (state: ReturnType<typeof deck>, nowMs: number) =>
    standingCards(state, nowMs).map((card) => card.guidance_id);

  test("the newest comes first, and a card ends when its time is over", () => {
    const state = deck([guidance({ seq: 2, expires_ms: 10_000 }), guidance({ seq: 3, expires_ms: 50_000 })]);
    expect(ids(state, 5_000)).toEqual(["g3", "g2"]);
    expect(ids(state, 10_000)).toEqual(["g3"]);
  });

  test("the ladder's card that followed a safety card comes before it, and the safety card stays at hand", () => {
    const state = deck([guidance({ seq: 2, stage: "safety" }), guidance({ seq: 3, stage: "ladder1" })]);
    expect(ids(state, 5_000)).toEqual(["g3", "g2"]);
  });

  test("a ladder card ends when its step is heard after it", () => {
    const state = deck([
      checklist({ seq: 2, item: "ladder1" }),
      guidance({ seq: 3, stage: "ladder1" }),
      guidance({ seq: 4, stage: "ladder2" }),
      checklist({ seq: 5, item: "ladder2" }),
    ]);
    expect(ids(state, 6_000)).toEqual(["g3"]);
  });

  test("the same words again replace their older card", () => {
    const state = deck([guidance({ seq: 2, say: "同じ" }), guidance({ seq: 3, say: "同じ" })]);
    expect(ids(state, 5_000)).toEqual(["g3"]);
  });

  test("a card is as grave as its alert", () => {
    const alerts = [alert({ seq: 2, severity: 3 })];
    expect(cardSeverity(guidance({ seq: 3, alert_id: "a2" }), alerts)).toBe(3);
    expect(cardSeverity(guidance({ seq: 3, stage: "ladder1" }), [])).toBe(2);
    expect(cardSeverity(guidance({ seq: 3 }), [])).toBe(0);
  });
});

describe("open questions", () => {
  const items = [
    { id: "ask_name", step: "step1", label: "お名前", question: "お名前は" },
    { id: "restatement", step: "step2", label: "復唱", question: "復唱しましたか" },
    { id: "thanks", step: "step4", label: "お礼", question: "お礼は" },
  ];

  test("ask for missing facts first, then for open steps, and once each", () => {
    const call = applyAll(emptyCall(CALL), [
      started(),
      caseRevision({
        seq: 2,
        fields: {
          customer_name: field("小野寺"),
          when: field("昨日"),
          where: field("自宅"),
          product: field("ルーター"),
          phone: field("080"),
          demand: field("修理"),
        },
      }),
    ]);
    expect(openQuestions(call, NO_EDITS, items, 9).map((question) => question.key)).toEqual([
      "about_what",
      "restatement",
    ]);
    const answered = typed(NO_EDITS, "about_what", "つながらない");
    expect(openQuestions(call, answered, items, 9).map((question) => question.key)).toEqual(["restatement"]);
  });

  test("are no more than fit", () => {
    expect(openQuestions(emptyCall(CALL), NO_EDITS, items, 3)).toHaveLength(3);
  });
});

test("the recording state follows gaps and the end of the call", () => {
  const call = applyAll(emptyCall(CALL), [started(), gap({ seq: 2, start_ms: 4_000, duration_ms: 1_000 })]);
  expect(recordingState(call, 6_000)).toBe("lossy");
  expect(recordingState(call, 60_000)).toBe("on");
  const masked = applyAll(call, [gap({ seq: 3, start_ms: 58_000, duration_ms: 1_500, cause: "masked" })]);
  expect(recordingState(masked, 60_000)).toBe("masked");
  expect(recordingState(applyAll(masked, [ended({ seq: 4 })]), 60_000)).toBe("done");
});

describe("the board", () => {
  test("judges waits by the queue's threshold", () => {
    expect([null, 20, 21, 60, 61].map((wait) => waitStanding(wait, 20))).toEqual([
      "idle",
      "ok",
      "amber",
      "amber",
      "red",
    ]);
  });

  test("judges shares", () => {
    expect([null, 0.8, 0.79, 0.59].map(serviceLevelStanding)).toEqual(["idle", "ok", "amber", "red"]);
    expect([null, 0.05, 0.06, 0.11].map(abandonStanding)).toEqual(["idle", "ok", "amber", "red"]);
  });

  test("lets the longest wait go on between two messages", () => {
    const figures = { waiting: 1, longest_wait_s: 12 } as Parameters<typeof longestWaitNow>[0];
    expect(longestWaitNow(figures, 1_000, 4_000)).toBe(15);
    expect(longestWaitNow({ ...figures, waiting: 0 }, 1_000, 4_000)).toBeNull();
  });

  test("puts requests for help first in their order, then the gravest, then the longest", () => {
    const call = (call_id: string, change: Partial<CallSummary>) =>
      ({
        call_id,
        severity: 0,
        help_requested_at: null,
        started_at: "2026-04-01T01:00:00Z",
        ...change,
      }) as CallSummary;
    const calls = [
      call("calm", {}),
      call("older", { started_at: "2026-04-01T00:30:00Z" }),
      call("danger", { severity: 3 }),
      call("second", { help_requested_at: "2026-04-01T01:05:00Z" }),
      call("first", { help_requested_at: "2026-04-01T01:04:00Z" }),
    ];
    expect(calls.sort(byNeed).map((each) => each.call_id)).toEqual([
      "first",
      "second",
      "danger",
      "older",
      "calm",
    ]);
  });
});

describe("recordings", () => {
  const spoken = {
    text: "責任者を、出せ。",
    start_ms: 1_000,
    end_ms: 3_000,
    words: [
      { text: "責任者", start_ms: 1_000, end_ms: 1_600, probability: 0.9 },
      { text: "を", start_ms: 1_600, end_ms: 1_700, probability: 0.9 },
      { text: "出せ", start_ms: 2_200, end_ms: 2_900, probability: 0.9 },
    ],
  };

  test("words know when they were said, and quotes stay marked across them", () => {
    const recorded = { ...alert({ seq: 1, quote: "を出せ" }) };
    const runs = heardRuns(spoken, [recorded]);
    expect(runs.map((run) => run.text).join("")).toBe(spoken.text);
    expect(runs.map((run) => [run.text, run.startMs, run.alerts.length])).toEqual([
      ["責任者", 1_000, 0],
      ["を、", 1_600, 1],
      ["出せ", 2_200, 1],
      ["。", 2_200, 0],
    ]);
  });

  test("a word of the vocabulary says what was heard for it", () => {
    const words = spoken.words.map((word, i) => (i === 0 ? { ...word, heard: "敵にんしゃ" } : word));
    const runs = heardRuns({ ...spoken, words }, []);
    expect(runs.map((run) => [run.text, run.heard])).toEqual([
      ["責任者", "敵にんしゃ"],
      ["を、", null],
      ["出せ。", null],
    ]);
  });

  test("text without word times plays from its beginning", () => {
    expect(heardRuns({ ...spoken, words: [] }, []).map((run) => run.startMs)).toEqual([1_000]);
  });

  test("a searched word is played from where it is said", () => {
    expect(heardAt(spoken, searchTerms("出せ"))).toBe(2_200);
    expect(heardAt(spoken, searchTerms("せきにん、を"))).toBe(1_600);
    expect(heardAt(spoken, searchTerms("だせ"))).toBe(1_000);
  });

  test("a ledger that does not add up says so", () => {
    const channel = {
      index: 0,
      role: "agent" as const,
      duration_ms: 1_000,
      captured_ms: 900,
      lost_ms: 100,
      late_ms: 0,
      paused_ms: 0,
      masked_ms: 0,
      clock_ms: 0,
      crash_ms: 0,
    };
    expect(ledgerBar(channel).balanced).toBe(true);
    expect(ledgerBar(channel).parts.find((part) => part.cause === "lost")?.share).toBeCloseTo(0.1);
    expect(ledgerBar({ ...channel, lost_ms: 99 }).balanced).toBe(false);
  });

  test("a day of a search is the local day", () => {
    expect(dayStart("2026-04-01", 0)).toBe(new Date(2026, 3, 1).toISOString());
    expect(dayStart("2026-04-30", 1)).toBe(new Date(2026, 4, 1).toISOString());
    expect(dayStart("", 0)).toBeUndefined();
  });
});

describe("words", () => {
  function flatten(value: object, path = ""): [string, string][] {
    return Object.entries(value).flatMap(([key, inner]) =>
      typeof inner === "string" ? [[path + key, inner]] : flatten(inner as object, `${path}${key}.`),
    );
  }
  const placeholders = (text: string) => [...text.matchAll(/{{(\w+)}}/g)].map((match) => match[1]).sort();
  const japanese = new Map(flatten(ja));
  const english = new Map(flatten(en));

  test("are the same in both languages, with the same places for values", () => {
    expect([...english.keys()]).toEqual([...japanese.keys()]);
    for (const [key, text] of japanese)
      expect([key, placeholders(english.get(key) ?? "")]).toEqual([key, placeholders(text)]);
  });

  test("are nowhere left in the other language", () => {
    const mixed = [...english].filter(([key, text]) => key !== "app.name" && /[぀-ヿ一-鿿]/u.test(text));
    expect(mixed).toEqual([]);
    const missing = [...japanese].filter(([key, text]) => text === "" && english.get(key) !== "");
    expect(missing).toEqual([]);
  });

  test("show times as a clock and seconds with what matters", () => {
    expect([0, 59_999, 61_000, 3_723_000, -5].map(clock)).toEqual([
      "0:00",
      "0:59",
      "1:01",
      "1:02:03",
      "0:00",
    ]);
    expect([240, 9_940, 12_400].map(seconds)).toEqual(["0.2", "9.9", "12"]);
  });
});
