import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen, within } from "@testing-library/react";
import i18next from "i18next";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { CallEvent, Repetition } from "../src/api/events";
import { GuidancePane } from "../src/desk/GuidancePane";
import { applyAll, emptyCall } from "../src/live/callState";
import { NO_EDITS } from "../src/live/caseEdits";
import { Conversation } from "../src/live/Conversation";
import { alertRegions } from "../src/recordings/Waveforms";
import { alert, CALL, ended, started, utterance } from "./events";

const repetition = (seq: number, event: Partial<Repetition>): Repetition => ({
  v: 1,
  type: "repetition",
  call_id: CALL,
  seq,
  at_ms: seq * 1000,
  cluster_id: "c1",
  demand: "返金してください",
  count: 1,
  utterance_ids: [],
  earlier_call_ids: [],
  ...event,
});

const talk = (...events: CallEvent[]) =>
  render(
    <MantineProvider>
      <Conversation
        call={applyAll(emptyCall(CALL), [started(), utterance({ seq: 2 }), utterance({ seq: 3 }), ...events])}
        focus={null}
        toLatest={0}
      />
    </MantineProvider>,
  );

afterEach(() => {
  vi.restoreAllMocks();
  return i18next.changeLanguage("ja");
});

describe("a demand made before", () => {
  test("is marked where it was said last, once for this call and once for earlier ones", () => {
    talk(
      repetition(4, { count: 2, utterance_ids: ["u2", "u3"] }),
      repetition(5, { utterance_ids: ["u3"], earlier_call_ids: ["a", "b"] }),
    );
    const [first, last] = screen.getAllByTestId("utterance") as [HTMLElement, HTMLElement];
    expect(first).not.toHaveTextContent("同じ要求");
    expect(last).toHaveTextContent("同じ要求 2 回目");
    expect(within(last).getByTestId("repeat-across-calls")).toHaveTextContent("以前の通話でも同じ要求(2 件)");
  });

  test("made once here says nothing of this call, and is told in English", async () => {
    await i18next.changeLanguage("en");
    talk(repetition(4, { utterance_ids: ["u3"], earlier_call_ids: ["a"] }));
    expect(screen.getByTestId("repeat-across-calls")).toHaveTextContent("Same demand in earlier calls: 1");
    expect(screen.queryByText(/Same demand, time/)).toBeNull();
  });
});

test("of alerts at one place the gravest is drawn last, on top of the others", () => {
  const grave = { ...alert({ seq: 4, utterance_ids: ["u3"] }), severity: 3 };
  const slight = { ...alert({ seq: 5, utterance_ids: ["u3"] }), severity: 1 };
  const transcript = [utterance({ seq: 3 })];
  const recording: unknown = { alerts: [grave, slight], transcript };
  const regions = alertRegions(recording as Parameters<typeof alertRegions>[0]);
  expect(regions.map((region) => region.severity)).toEqual([1, 3]);
  expect(regions[1]).toMatchObject({ startMs: 3000, endMs: 3800 });
});

test.each([
  [true, "いま案内はありません"],
  [false, "通話は終わりました"],
])("guidance without a card (live: %s) says %s", (isLive, words) => {
  vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response("{}", { status: 503 }));
  const call = applyAll(emptyCall(CALL), [started(), ...(isLive ? [] : [ended({ seq: 2 })])]);
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      <MantineProvider>
        <GuidancePane
          call={call}
          edits={NO_EDITS}
          cards={[]}
          index={0}
          isLive={isLive}
          onNext={vi.fn()}
          onShow={vi.fn()}
        />
      </MantineProvider>
    </QueryClientProvider>,
  );
  expect(screen.getByTestId("guidance-none")).toHaveTextContent(words);
});
