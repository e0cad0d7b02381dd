import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { CallSummary, LadderState } from "../src/api/types";
import { Ladder } from "../src/board/ApproveEnding";
import { WarningLadder } from "../src/desk/Steps";
import { applyAll, emptyCall } from "../src/live/callState";
import { CALL, checklist, started } from "./events";

const said = (step: string, quote: string, atMs: number) => ({
  step,
  at_ms: atMs,
  quote,
  utterance_id: `u-${step}`,
  approved_by: "",
});
const DUE: LadderState = {
  done: [
    said("ladder1", "お控えいただけますでしょうか", 65_000),
    said("ladder2", "続きますとご対応できかねます", 80_000),
    said("ladder3", "続く場合はお電話を終了", 95_000),
  ],
  awaits_approval: true,
};

const call = (ladder: LadderState | null, alertMs = 110_000): CallSummary => ({
  call_id: CALL,
  state: "live",
  started_at: "2026-04-01T01:00:00Z",
  ended_at: null,
  duration_ms: null,
  agent_id: "agent1",
  agent_name: "佐藤 花子",
  queue: null,
  customer_number: null,
  customer_name: "小野寺",
  severity: 2,
  harassment_categories: ["verbal_abuse"],
  last_alert: { category: "verbal_abuse", severity: 2, quote: "このバカ", at_ms: alertMs },
  gravest_alert: null,
  help_requested_at: null,
  recording_id: null,
  assistance: null,
  ladder,
});

const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
const board = (ladder: LadderState | null, alertMs?: number) => (
  <QueryClientProvider client={queries}>
    <MantineProvider env="test">
      <Ladder call={call(ladder, alertMs)} />
    </MantineProvider>
  </QueryClientProvider>
);
const show = (ladder: LadderState | null, alertMs?: number) => render(board(ladder, alertMs));

/** Answers the approval with this status and records what was asked. */
function serve(status: number, body: object): string[] {
  const asked: string[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation((request, init) => {
    const url = request as string;
    const isApproval = url.includes("/ladder/approval");
    if (isApproval) asked.push(`${init?.method ?? "GET"} ${url}`);
    const answer = isApproval ? body : { version: "1", locale: "ja", ladder: [], checklist: [], labels: {} };
    return Promise.resolve(new Response(JSON.stringify(answer), { status: isApproval ? status : 200 }));
  });
  return asked;
}

afterEach(() => vi.restoreAllMocks());

describe("approving that a call is ended", () => {
  test("asks first, with every quote and its time, and sends it once confirmed", async () => {
    const asked = serve(201, { call_id: CALL, step: "ladder4", approved_by: "boss", approver_name: "管理" });
    show(DUE);
    await userEvent.click(screen.getByTestId("approve-ending"));
    const dialog = screen.getByTestId("approval-dialog");
    for (const words of [
      "お控えいただけますでしょうか",
      "1:05",
      "続く場合はお電話を終了",
      "1:35",
      "このバカ",
    ])
      expect(dialog).toHaveTextContent(words);
    expect(asked).toEqual([]);
    await userEvent.click(screen.getByTestId("approve-confirm"));
    await waitFor(() => expect(screen.queryByTestId("approval-dialog")).toBeNull());
    expect(asked).toEqual([`POST /api/v1/calls/${CALL}/ladder/approval`]);
  });

  test("says so when somebody else was faster", async () => {
    serve(409, { code: "approval-not-due", detail: "", status: 409, title: "Conflict", type: "about:blank" });
    show(DUE);
    await userEvent.click(screen.getByTestId("approve-ending"));
    await userEvent.click(screen.getByTestId("approve-confirm"));
    expect(await screen.findByRole("alert")).toHaveTextContent("いま承認の段階にありません");
    expect(screen.getByTestId("approve-confirm")).toBeDisabled();
  });

  test("does not vanish under the hand of who reads it when somebody else approves", async () => {
    serve(201, {});
    const { rerender } = show(DUE);
    await userEvent.click(screen.getByTestId("approve-ending"));
    const approval = { ...said("ladder4", "", 120_000), utterance_id: null, approved_by: "管理 花子" };
    rerender(board({ done: [...DUE.done, approval], awaits_approval: false }));
    expect(screen.getByTestId("approval-dialog")).toHaveTextContent(
      "終話の予告の後のお客様の言葉: このバカ 1:50",
    );
    expect(screen.getByTestId("approval-dialog")).toHaveTextContent("いま承認の段階にありません");
    expect(screen.getByTestId("approve-confirm")).toBeDisabled();
    expect(screen.queryByTestId("approve-ending")).toBeNull();
  });

  test.each([
    [110_000, "終話の予告の後のお客様の言葉: このバカ 1:50", false],
    [70_000, "お客様の言葉(終話の予告より前): このバカ 1:10", true],
  ])("says whether the caller went on after the announcement (%d)", async (alertMs, words, isQuiet) => {
    serve(201, {});
    show(DUE, alertMs);
    await userEvent.click(screen.getByTestId("approve-ending"));
    const dialog = screen.getByTestId("approval-dialog");
    expect(dialog).toHaveTextContent(words);
    expect(dialog.textContent.includes("まだ警告にあたる言葉がありません")).toBe(isQuiet);
  });

  test("is offered only where the ladder stands there", () => {
    show({ done: DUE.done.slice(0, 2), awaits_approval: false });
    expect(screen.getByTestId("ladder-standing")).toHaveTextContent("2 / 5");
    expect(screen.queryByTestId("approve-ending")).toBeNull();
  });

  test("shows who approved", () => {
    const step = { ...said("ladder4", "", 120_000), utterance_id: null, approved_by: "管理 花子" };
    show({ done: [...DUE.done, step], awaits_approval: false });
    expect(screen.getByTestId("ladder-standing")).toHaveTextContent("終話承認済み 管理 花子");
  });
});

test("the desk says that ending the call is approved, by whom and when", () => {
  const state = applyAll(emptyCall(CALL), [
    started(),
    {
      v: 1,
      type: "approval",
      call_id: CALL,
      seq: 2,
      at_ms: 146_000,
      approved_by: "boss",
      approver_name: "管理 花子",
      step: "ladder4",
    },
    checklist({ seq: 3, item: "ladder4" }),
  ]);
  render(
    <MantineProvider env="test">
      <WarningLadder call={state} playbook={null} onShow={() => undefined} />
    </MantineProvider>,
  );
  expect(screen.getByTestId("ending-approved")).toHaveTextContent("終話が承認されました 管理 花子 2:26");
  const step = screen.getAllByTestId("ladder-step")[3] as HTMLElement;
  expect(within(step).getByRole("button")).toHaveAccessibleName(/承認 管理 花子 2:26/);
});
