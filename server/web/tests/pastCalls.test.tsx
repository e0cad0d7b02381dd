import { render, screen } from "@testing-library/react";
import i18next from "i18next";
import { afterEach, describe, expect, test } from "vitest";
import type { EarlierCall, History } from "../src/api/events";
import { PastCalls } from "../src/desk/PastCalls";
import { CALL } from "./events";

const earlier = (call: Partial<EarlierCall> = {}): EarlierCall => ({
  call_id: "call-0",
  started_on: "2026-03-31",
  end_state: "unresolved_pending",
  demand: "返金「返金してください」",
  promises: "",
  harassment_categories: [],
  matched_by: "phone",
  ...call,
});

const history = (...calls: EarlierCall[]): History => ({
  v: 1,
  type: "history",
  call_id: CALL,
  seq: 2,
  at_ms: 0,
  earlier_calls: calls,
});

afterEach(() => i18next.changeLanguage("ja"));

describe("earlier calls of the person on the line", () => {
  test("say when, how it ended, what was wanted, what we owe, and why they are thought to be of the same person", () => {
    render(<PastCalls history={history(earlier({ promises: "金曜日までに電話" }))} />);
    const shown = screen.getByTestId("past-calls");
    for (const words of [
      "以前の通話 1 件",
      "2026/03/31",
      "返金してください",
      "約束: 金曜日までに電話",
      "電話番号が一致",
    ])
      expect(shown).toHaveTextContent(words);
    expect(shown).not.toHaveTextContent("自動検出");
  });

  test("name what was detected as detected, and a match by name alone as a guess", () => {
    const call = earlier({
      harassment_categories: ["threat", "verbal_abuse"],
      matched_by: "name",
      demand: "",
    });
    render(<PastCalls history={history(call)} />);
    const shown = screen.getByTestId("past-calls");
    expect(shown).toHaveTextContent("自動検出: 脅迫、暴言");
    expect(shown).toHaveTextContent("別人の可能性");
    expect(shown).toHaveTextContent("要求の記録なし");
  });

  test("are told in English, with the day as it is written there", async () => {
    await i18next.changeLanguage("en");
    render(
      <PastCalls
        history={history(earlier({ harassment_categories: ["threat"] }), earlier({ call_id: "call-1" }))}
      />,
    );
    const shown = screen.getByTestId("past-calls");
    expect(shown).toHaveTextContent("Earlier calls: 2");
    expect(shown).toHaveTextContent("Mar 31, 2026");
    expect(shown).toHaveTextContent("Detected: ");
  });

  test("take no room where there are none, and while it is not known who calls", () => {
    const { container, rerender } = render(<PastCalls history={null} />);
    expect(container).toBeEmptyDOMElement();
    rerender(<PastCalls history={history()} />);
    expect(container).toBeEmptyDOMElement();
  });
});
