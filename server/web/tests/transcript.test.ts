import { describe, expect, test } from "vitest";
import { conversation, locateQuote, markQuotes, worst } from "../src/live/transcript";
import { alert, gap, quarantined, utterance } from "./events";

describe("finding a quote in what was said", () => {
  test("as it stands", () => {
    expect(locateQuote("頭おかしいのか、このバカ。", "このバカ")).toEqual({ start: 8, end: 12 });
  });

  test("without spaces and punctuation", () => {
    const text = "責任者を、今すぐ 出せ!";
    expect(locateQuote(text, "責任者を今すぐ出せ")).toEqual({ start: 0, end: 11 });
    expect(text.slice(0, 11)).toBe("責任者を、今すぐ 出せ");
  });

  test("not at all", () => {
    expect(locateQuote("はい", "このバカ")).toBeNull();
    expect(locateQuote("はい", "")).toBeNull();
    expect(locateQuote("はい", "、。")).toBeNull();
  });
});

describe("marking", () => {
  test("runs join to the text again, whatever overlaps", () => {
    const text = "うるせえ、給料泥棒が。";
    const alerts = [
      alert({ seq: 1, quote: "うるせえ、給料" }),
      alert({ seq: 2, quote: "給料泥棒", severity: 3 }),
    ];
    const runs = markQuotes(text, alerts);
    expect(runs.map((run) => run.text).join("")).toBe(text);
    expect(runs.map((run) => [run.text, worst(run.alerts)])).toEqual([
      ["うるせえ、", 2],
      ["給料", 3],
      ["泥棒", 3],
      ["が。", 0],
    ]);
  });

  test("a quote of another utterance marks nothing", () => {
    expect(markQuotes("はい。", [alert({ seq: 1 })])).toEqual([{ text: "はい。", start: 0, alerts: [] }]);
  });
});

describe("the conversation", () => {
  test("is in the order of the call, with alerts at the words they came from", () => {
    const items = conversation({
      utterances: [utterance({ seq: 2 }), utterance({ seq: 6 })],
      quarantined: [quarantined({ seq: 4 })],
      gaps: [gap({ seq: 5 })],
      alerts: [alert({ seq: 7, utterance_ids: ["u6", "u2"] })],
    });
    expect(items.map((item) => item.kind)).toEqual(["utterance", "quarantined", "gap", "utterance"]);
    const marked = items.flatMap((item) => (item.kind === "utterance" ? [item.alerts.length] : []));
    expect(marked).toEqual([1, 1]);
  });

  test("tells gaps of both channels and of jitter as one, and others apart", () => {
    const gaps = [
      gap({ seq: 1, channel: 0, start_ms: 1000, duration_ms: 200 }),
      gap({ seq: 2, channel: 1, start_ms: 1000, duration_ms: 200 }),
      gap({ seq: 3, channel: 1, start_ms: 1400, duration_ms: 100 }),
      gap({ seq: 4, channel: 1, start_ms: 9000, duration_ms: 100 }),
      gap({ seq: 5, channel: 1, start_ms: 9000, duration_ms: 400, cause: "not_assisted" }),
    ];
    const items = conversation({ utterances: [], quarantined: [], alerts: [], gaps });
    const told = items.flatMap((item) =>
      item.kind === "gap" ? [[item.gap.cause, item.gap.duration_ms]] : [],
    );
    expect(told).toEqual([
      ["lost", 300],
      ["lost", 100],
      ["not_assisted", 400],
    ]);
  });
});
