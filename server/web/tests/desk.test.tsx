import { MantineProvider } from "@mantine/core";
import { fireEvent, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ReactNode } from "react";
import { describe, expect, test, vi } from "vitest";
import { CaseField } from "../src/desk/CaseField";
import { useKeys } from "../src/ui/useKeys";
import { applyAll, emptyCall } from "../src/live/callState";
import { fieldView, NO_EDITS, typed, type FieldView } from "../src/live/caseEdits";
import { Conversation } from "../src/live/Conversation";
import { CALL, field, gap, partial, quarantined, started, utterance, alert } from "./events";

const show = (node: ReactNode) => render(<MantineProvider>{node}</MantineProvider>);

describe("a field of the case", () => {
  const handlers = () => ({ onType: vi.fn(), onSave: vi.fn(), onDiscard: vi.fn(), onPoint: vi.fn() });
  const view = (value: string): FieldView => fieldView(NO_EDITS, "product", field(value));
  const element = (shown: FieldView, given: ReturnType<typeof handlers>) => (
    <MantineProvider>
      <CaseField field="product" view={shown} {...given} />
    </MantineProvider>
  );

  test("does not change under the cursor, and catches up when left", async () => {
    const given = handlers();
    const { rerender } = render(element(view("ルーター"), given));
    await userEvent.click(screen.getByRole("textbox"));
    rerender(element(view("電話機"), given));
    expect(screen.getByRole("textbox")).toHaveValue("ルーター");
    fireEvent.blur(screen.getByRole("textbox"));
    expect(screen.getByRole("textbox")).toHaveValue("電話機");
  });

  test("shows what was typed, whatever comes from the service", () => {
    const given = handlers();
    const { rerender } = render(element(view("ルーター"), given));
    rerender(element(fieldView(typed(NO_EDITS, "product", "WX-3000"), "product", field("電話機")), given));
    expect(screen.getByRole("textbox")).toHaveValue("WX-3000");
  });

  test("shows the saved words while it still has the focus", async () => {
    const given = handlers();
    const { rerender } = render(element(view("ルーター"), given));
    await userEvent.click(screen.getByRole("textbox"));
    rerender(element(fieldView(NO_EDITS, "product", field("WX-3000", { confirmed: true })), given));
    expect(screen.getByRole("textbox")).toHaveValue("WX-3000");
    expect(screen.getByText("確定")).toBeVisible();
  });

  test("is confirmed as it stands by Enter, and given back by Esc", async () => {
    const given = handlers();
    render(element(view("ルーター"), given));
    await userEvent.type(screen.getByRole("textbox"), "{Enter}");
    expect(given.onType).toHaveBeenCalledWith("ルーター");
    expect(given.onSave).toHaveBeenCalled();
    await userEvent.keyboard("{Escape}");
    expect(given.onDiscard).toHaveBeenCalled();
  });
});

describe("the conversation", () => {
  const call = applyAll(emptyCall(CALL), [
    started(),
    utterance({ seq: 2, speaker: "agent", text: "お電話ありがとうございます。" }),
    utterance({ seq: 3, text: "頭おかしいのか、このバカ。" }),
    alert({ seq: 4, utterance_ids: ["u3"] }),
    gap({ seq: 5, cause: "not_assisted", duration_ms: 2_400 }),
    quarantined({ seq: 6 }),
    partial({ seq: 7 }),
  ]);

  test("tells speakers apart by word, marks the quote, and says what is missing", () => {
    show(<Conversation call={call} focus={null} toLatest={0} />);
    const [agent, customer] = screen.getAllByTestId("utterance");
    expect(agent).toHaveTextContent("応対者");
    expect(customer).toHaveAttribute("data-speaker", "customer");
    expect(within(customer as HTMLElement).getByTestId("alert-mark")).toHaveTextContent("このバカ");
    expect(within(customer as HTMLElement).getByTestId("alert")).toHaveTextContent("警告・暴言");
    expect(screen.getByTestId("gap")).toHaveTextContent("2.4 秒、録音はありますが文字にしていません");
    expect(screen.getByTestId("quarantined")).toHaveTextContent("記録に使いません");
    expect(screen.getByTestId("partial")).toHaveTextContent("もしもし");
  });
});

describe("keys", () => {
  function Page({ onHelp, onList }: { onHelp: () => void; onList: () => void }) {
    useKeys([
      { key: "F2", run: onHelp, whileTyping: true },
      { key: "?", run: onList },
    ]);
    return <input aria-label="field" />;
  }

  test("work everywhere or only outside of text, and not while composing", async () => {
    const onHelp = vi.fn();
    const onList = vi.fn();
    show(<Page onHelp={onHelp} onList={onList} />);
    await userEvent.keyboard("?");
    await userEvent.type(screen.getByLabelText("field"), "?{F2}");
    expect(onList).toHaveBeenCalledTimes(1);
    expect(onHelp).toHaveBeenCalledTimes(1);
    fireEvent.keyDown(screen.getByLabelText("field"), { key: "F2", isComposing: true });
    expect(onHelp).toHaveBeenCalledTimes(1);
  });
});
