import { MantineProvider } from "@mantine/core";
import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, test, vi } from "vitest";
import { CallSummary } from "../src/desk/CallSummary";
import type { CaseRevision } from "../src/api/events";
import { CALL, field, utterance } from "./events";

const RECORD: CaseRevision = {
  v: 1,
  call_id: CALL,
  seq: 9,
  at_ms: 9000,
  type: "case",
  revision: 4,
  fields: {},
  end_state: "resolved_agreed",
  harassment_categories: [],
  demand_validity: "reasonable",
  manner: "calm",
  summary: {
    demand: field("交換してほしい", { utterance_ids: ["u3"] }),
    matter: field("ルーター: つながらない", { utterance_ids: ["u1", "u2"] }),
  },
  tags: [
    { kind: "cause", id: "quality", label: "品質不良", utterance_ids: ["u1"] },
    { kind: "cause", id: "ours", label: "社内の区分", utterance_ids: ["u1"] },
  ],
  record_keeping: { required: true, rule_id: "complaint", reason: "残す", utterance_ids: [] },
};

const show = (record: CaseRevision | null, isLive: boolean, onShow = vi.fn()) => {
  render(
    <MantineProvider>
      <CallSummary
        record={record}
        utterances={[utterance({ seq: 1, text: "ルーターがつながらない" })]}
        isLive={isLive}
        onShow={onShow}
      />
    </MantineProvider>,
  );
  return onShow;
};

describe("the call in short", () => {
  test("comes in the order in which it is read, and leads to the words", async () => {
    const onShow = show(RECORD, false);
    expect(screen.getAllByRole("term").map((term) => term.textContent)).toEqual([
      "用件",
      "要求",
      "原因",
      "記録",
    ]);
    for (const button of screen.getAllByRole("button", { name: "会話で見る" })) await userEvent.click(button);
    expect(onShow.mock.calls).toEqual([["u1"], ["u3"]]);
  });

  test("names a tag of another playbook in that playbook's words", () => {
    show(RECORD, false);
    expect(screen.getByText("品質不良").closest("dd")).toHaveTextContent("品質不良、社内の区分");
  });

  test("shows the words that a tag comes from, and leads to them", async () => {
    const onShow = show(RECORD, false);
    const tag = screen.getByRole("button", { name: "品質不良" });
    expect(tag).toHaveAttribute("title", "0:01 ルーターがつながらない");
    await userEvent.click(tag);
    expect(onShow.mock.calls).toEqual([["u1"]]);
    expect(within(screen.getByTestId("record-keeping")).queryByRole("button")).toBeNull();
  });

  test("says why a record has to be kept, and when nobody decides", () => {
    show(RECORD, false);
    expect(screen.getByTestId("record-keeping")).toHaveTextContent(
      "要記録: 苦情は、申し出・対応・結果を残す",
    );
    show({ ...RECORD, record_keeping: null }, false);
    expect(screen.getAllByTestId("record-keeping")[1]).toHaveTextContent("担当者が判断");
  });

  test("is not shown while the call goes on, nor for a call without words", () => {
    show(RECORD, true);
    show(null, false);
    show({ ...RECORD, summary: {}, tags: [], record_keeping: null }, false);
    expect(screen.queryByTestId("call-summary")).toBeNull();
  });
});
