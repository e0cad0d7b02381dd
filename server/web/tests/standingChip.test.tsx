import { MantineProvider } from "@mantine/core";
import { render, screen } from "@testing-library/react";
import i18next from "i18next";
import { afterEach, describe, expect, test } from "vitest";
import type { CallEvent, CallUpdated } from "../src/api/events";
import { isCallEvent } from "../src/api/events";
import { applyAll, emptyCall } from "../src/live/callState";
import type { LineState } from "../src/live/liveSocket";
import { StandingChip } from "../src/live/StandingChip";
import { CALL, ended, started } from "./events";

const ONLINE: LineState = { phase: "online", roundTripMs: 12, attempt: 0 };
const updated = (seq: number, kind: CallUpdated["kind"], more: Partial<CallUpdated> = {}): CallUpdated => ({
  v: 1,
  type: "call_updated",
  call_id: CALL,
  seq,
  at_ms: seq * 1000,
  kind,
  ...more,
});
const show = (events: readonly CallEvent[], callMs = 10_000, line = ONLINE) =>
  render(
    <MantineProvider env="test">
      <StandingChip call={applyAll(emptyCall(CALL), [started(), ...events])} callMs={callMs} line={line} />
    </MantineProvider>,
  );
const chip = () => screen.queryByTestId("call-standing")?.textContent ?? null;

afterEach(() => i18next.changeLanguage("ja"));

describe("what the phone system says of a call", () => {
  test("a hold is shown as long as it lasts, whatever order the events come in", () => {
    const { unmount } = show([updated(2, "held")], 3_600_000);
    expect(chip()).toBe("保留中");
    unmount();
    show([updated(3, "resumed"), updated(2, "held")]);
    expect(chip()).toBeNull();
  });

  test("a transfer is shown for a minute", () => {
    const { unmount } = show([updated(2, "transferred", { agent_id: "tanaka" })], 50_000);
    expect(chip()).toBe("転送");
    unmount();
    show([updated(2, "transferred")], 70_000);
    expect(chip()).toBeNull();
  });

  test("a caller whose number came late is told, in English as well", async () => {
    await i18next.changeLanguage("en");
    show([updated(2, "facts", { customer_known: true })]);
    expect(chip()).toBe("Caller known");
  });

  test("other facts are nothing to look at", () => {
    show([updated(2, "media", { facts: { codec: "PCMA" } }), updated(3, "facts", { queue: "claims" })]);
    expect(chip()).toBeNull();
  });

  test("nothing is claimed when the line is down or the call is over", () => {
    show([updated(2, "held")], 10_000, { phase: "waiting", roundTripMs: null, attempt: 1 });
    show([updated(2, "held"), ended({ seq: 3 })]);
    expect(chip()).toBeNull();
  });

  test("is an event of the contract", () => expect(isCallEvent(updated(2, "held"))).toBe(true));
});
