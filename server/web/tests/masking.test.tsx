import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import i18next from "i18next";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { CallEvent } from "../src/api/events";
import { isCallEvent } from "../src/api/events";
import { MaskingBanner, MaskingButton } from "../src/desk/MaskingBanner";
import { recordingState } from "../src/desk/recordingState";
import { MASKED_S, useMasking } from "../src/desk/useMasking";
import { applyAll, emptyCall, type CallState } from "../src/live/callState";
import { CALL, ended, masking, started } from "./events";

const state = (events: readonly CallEvent[]) => applyAll(emptyCall(CALL), [started(), ...events]);

function Desk({ call, callMs }: { call: CallState; callMs: number }) {
  const here = useMasking(CALL, call);
  return (
    <>
      <MaskingBanner masking={here} callMs={callMs} />
      {!here.isOn && <MaskingButton masking={here} />}
    </>
  );
}

const show = (events: readonly CallEvent[], callMs = 5_000) =>
  render(
    <QueryClientProvider client={new QueryClient()}>
      <MantineProvider env="test">
        <Desk call={state(events)} callMs={callMs} />
      </MantineProvider>
    </QueryClientProvider>,
  );

/** Answers with this status and records what was asked. */
function serve(status: number): string[] {
  const asked: string[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation((request, init) => {
    const body = typeof init?.body === "string" ? ` ${init.body}` : "";
    asked.push(`${init?.method ?? "GET"} ${request as string}${body}`);
    const answer =
      status === 200 ? { masked: true, reason: "button", until_ms: null } : { code: "call-ended" };
    return Promise.resolve(new Response(JSON.stringify(answer), { status }));
  });
  return asked;
}

afterEach(async () => {
  vi.restoreAllMocks();
  await i18next.changeLanguage("ja");
});

describe("masking on the desk", () => {
  test("is one press away and shows no banner before the service says so", async () => {
    const asked = serve(200);
    show([]);
    await userEvent.click(screen.getByRole("button", { name: /カード情報を伏せる/ }));
    await waitFor(() =>
      expect(asked).toEqual([`POST /api/v1/calls/${CALL}/masking {"seconds":${MASKED_S}}`]),
    );
    expect(screen.queryByTestId("masking-banner")).toBeNull();
  });

  test("says why, that nothing is kept, and counts down", () => {
    show([masking({ seq: 2, reason: "card-asked", until_ms: 65_000 })]);
    const banner = screen.getByTestId("masking-banner");
    expect(banner).toHaveTextContent("カード情報を伏せています");
    expect(banner).toHaveTextContent("カード情報をお尋ねになったため");
    expect(banner).toHaveTextContent("録音にも画面にも残りません");
    expect(screen.getByTestId("masking-left")).toHaveTextContent("1:00");
  });

  test("can be ended and extended", async () => {
    const asked = serve(200);
    show([masking({ seq: 2, until_ms: 65_000 })]);
    await userEvent.click(screen.getByRole("button", { name: "延長" }));
    await waitFor(() => expect(asked).toHaveLength(1));
    await userEvent.click(screen.getByRole("button", { name: /伏せるのを終える/ }));
    await waitFor(() => expect(asked).toHaveLength(2));
    expect(asked[1]).toBe(`DELETE /api/v1/calls/${CALL}/masking`);
  });

  test("tells in words when the service refuses", async () => {
    serve(409);
    show([]);
    await userEvent.click(screen.getByTestId("mask"));
    expect(await screen.findByRole("alert")).not.toBeEmptyDOMElement();
  });

  test("is told in English as well, and an unknown reason needs no words", async () => {
    await i18next.changeLanguage("en");
    show([masking({ seq: 2, reason: "survey" })]);
    expect(screen.getByTestId("masking-banner")).toHaveTextContent(/^Card details are masked/);
    expect(screen.getByRole("button", { name: /End masking/ })).toBeVisible();
  });

  test("is over when the service says so, or the call is, whatever order the events come in", () => {
    const off = masking({ seq: 3, masked: false });
    expect(state([off, masking({ seq: 2 })]).masking).toEqual(off);
    show([masking({ seq: 2 }), ended({ seq: 4 })]);
    expect(screen.queryByTestId("masking-banner")).toBeNull();
    expect(isCallEvent(off)).toBe(true);
  });

  test("is what the recording's state says meanwhile", () => {
    expect(recordingState(state([masking({ seq: 2 })]), 9_000)).toBe("masked");
    expect(recordingState(state([masking({ seq: 2 }), masking({ seq: 3, masked: false })]), 9_000)).toBe(
      "on",
    );
  });
});
