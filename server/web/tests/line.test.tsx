import { MantineProvider } from "@mantine/core";
import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ReactNode } from "react";
import { describe, expect, test } from "vitest";
import type { AssistanceLevel } from "../src/api/events";
import type { CallSummary } from "../src/api/types";
import { worstAssistance } from "../src/board/thresholds";
import { CallAssistance } from "../src/desk/CallAssistance";
import { LineDot } from "../src/desk/LineDot";
import { applyAll, emptyCall } from "../src/live/callState";
import type { LineState } from "../src/live/liveSocket";
import { textLatency } from "../src/live/textLatency";
import { assistance, CALL, ended, gap, stages, started, utterance } from "./events";

const ONLINE: LineState = { phase: "online", roundTripMs: 12, attempt: 0 };
const show = (node: ReactNode) => render(<MantineProvider env="test">{node}</MantineProvider>);
/** Utterances whose text came so many milliseconds after their words. */
const said = (...latenciesMs: number[]) =>
  latenciesMs.map((ms, index) => {
    const endMs = index * 1000 + 900;
    return utterance({
      seq: index + 2,
      start_ms: index * 1000,
      end_ms: endMs,
      at_ms: endMs,
      emitted_ms: endMs + ms,
      latency: stages(ms, { vad_ms: 300, queue_ms: 20 }),
    });
  });

describe("the latency of text", () => {
  test("is unknown until something was said live", () => {
    expect(textLatency([])).toBeNull();
    expect(textLatency([utterance({ seq: 2 })])).toBeNull();
  });

  test("tells the last, the median, and both for each stage", () => {
    const latency = textLatency(said(700, 900, 800));
    expect([latency?.lastMs, latency?.medianMs]).toEqual([800, 800]);
    const of = (stage: string) => latency?.stages.find((one) => one.stage === stage);
    expect(of("vad")).toEqual({ stage: "vad", lastMs: 300, medianMs: 300 });
    expect(of("decode")).toEqual({ stage: "decode", lastMs: 480, medianMs: 480 });
  });

  test("takes the last by its number, whoever began to speak first", () => {
    expect(textLatency(said(700, 900).reverse())?.lastMs).toBe(900);
  });

  test("is slow when half of the last ten came after more than two seconds", () => {
    const quick = Array<number>(30).fill(500);
    expect(textLatency(said(...quick, 9000))?.isSlow).toBe(false);
    expect(textLatency(said(...quick, ...Array<number>(6).fill(2100)))?.isSlow).toBe(true);
    expect(textLatency(said(...Array<number>(30).fill(9000), ...quick))?.isSlow).toBe(false);
  });
});

describe("the line", () => {
  test("says how soon text comes, and on demand where the time goes", async () => {
    show(<LineDot line={ONLINE} latency={textLatency(said(700, 900, 800))} />);
    const line = screen.getByTestId("connection");
    expect(line).toHaveTextContent("接続中文字まで 0.8 秒(ふだん 0.8 秒)");
    expect(line).toHaveAttribute("data-slow", "false");
    await userEvent.click(line);
    const details = screen.getByTestId("line-details");
    const cells = (name: RegExp) =>
      within(within(details).getByRole("row", { name }))
        .getAllByRole("cell")
        .map((cell) => cell.textContent);
    expect(cells(/^検出/)).toEqual(["300", "300"]);
    expect(cells(/^合計/)).toEqual(["800", "800"]);
    expect(details).toHaveTextContent("往復 12 ミリ秒");
    await userEvent.keyboard("{Escape}");
    expect(screen.queryByTestId("line-details")).toBeNull();
  });

  test("says in words that text is slow", () => {
    show(<LineDot line={ONLINE} latency={textLatency(said(2500, 2600))} />);
    expect(screen.getByTestId("connection")).toHaveTextContent("遅れています文字まで 2.6 秒");
    expect(screen.getByTestId("connection")).toHaveAttribute("data-slow", "true");
  });

  test("claims no speed while it is down", () => {
    show(<LineDot line={{ ...ONLINE, phase: "waiting", attempt: 1 }} latency={textLatency(said(700))} />);
    expect(screen.queryByTestId("text-latency")).toBeNull();
  });
});

describe("the note on reduced assistance", () => {
  const during = (level: AssistanceLevel) =>
    applyAll(emptyCall(CALL), [started(), assistance({ seq: 2, level })]);
  const note = (node: ReactNode) => {
    show(node);
    return screen.queryByTestId("assistance");
  };

  test.each([
    ["partials_reduced", "混雑のため途中の文字を減らしています"],
    ["partials_off", "文字は話し終わってから出ます"],
    ["large_windows", "遅れてまとめて出ます"],
    ["shedding", "混雑のため一部を文字にできません"],
  ] as const)("says %s and that the recording goes on", (level, words) => {
    const shown = note(<CallAssistance call={during(level)} line={ONLINE} callMs={5_000} />);
    expect(shown).toHaveTextContent(words);
    expect(shown).toHaveTextContent("録音は続いています");
  });

  test("is not there when nothing is shed, when the call is over, and when the line is down", () => {
    expect(note(<CallAssistance call={during("normal")} line={ONLINE} callMs={0} />)).toBeNull();
    expect(note(<CallAssistance call={emptyCall(CALL)} line={ONLINE} callMs={0} />)).toBeNull();
    const over = applyAll(during("shedding"), [ended({ seq: 3 })]);
    expect(note(<CallAssistance call={over} line={ONLINE} callMs={0} />)).toBeNull();
    const down: LineState = { ...ONLINE, phase: "waiting" };
    expect(note(<CallAssistance call={during("shedding")} line={down} callMs={0} />)).toBeNull();
  });

  test("does not say that a paused recording goes on", () => {
    const paused = applyAll(during("shedding"), [gap({ seq: 3, cause: "paused", start_ms: 4_000 })]);
    const shown = note(<CallAssistance call={paused} line={ONLINE} callMs={4_500} />);
    expect(shown).toHaveTextContent("一部を文字にできません");
    expect(shown).not.toHaveTextContent("録音");
  });
});

test("the board tells the worst of what its calls lose", () => {
  const calls = (...levels: (AssistanceLevel | null)[]) =>
    levels.map((level) => ({ assistance: level }) as CallSummary);
  expect(worstAssistance([])).toBeNull();
  expect(worstAssistance(calls(null, null))).toBe("normal");
  expect(worstAssistance(calls(null, "large_windows", "partials_reduced"))).toBe("large_windows");
});
