import { MantineProvider } from "@mantine/core";
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import i18next from "i18next";
import { afterEach, describe, expect, test } from "vitest";
import type { CallEvent } from "../src/api/events";
import { isCallEvent } from "../src/api/events";
import { signed } from "../src/i18n/format";
import { applyAll, emptyCall } from "../src/live/callState";
import type { LineState } from "../src/live/liveSocket";
import { VoiceChip } from "../src/live/VoiceChip";
import { CALL, ended, started, voice } from "./events";

const ONLINE: LineState = { phase: "online", roundTripMs: 12, attempt: 0 };
const show = (events: readonly CallEvent[], line: LineState = ONLINE) =>
  render(
    <MantineProvider env="test">
      <VoiceChip call={applyAll(emptyCall(CALL), [started(), ...events])} line={line} />
    </MantineProvider>,
  );

afterEach(() => i18next.changeLanguage("ja"));

describe("a raised voice", () => {
  test("is a word and a figure beside the caller, and never a feeling", async () => {
    show([voice({ seq: 2 })]);
    const chip = screen.getByTestId("voice-raised");
    expect(chip).toHaveTextContent(/^声量上昇\+7 dB$/);
    expect(chip).not.toHaveTextContent("怒");
    await userEvent.hover(chip);
    expect(await screen.findByRole("tooltip")).toHaveTextContent(/感情を表すものではありません.*\+3 半音/);
  });

  test("is told in English as well, and without a pitch that is not known", async () => {
    await i18next.changeLanguage("en");
    show([voice({ seq: 2, pitch_semitones: null })]);
    expect(screen.getByTestId("voice-raised")).toHaveTextContent(/^Raised voice\+7 dB$/);
  });

  test("is gone when it has calmed down, whatever order the events come in", () => {
    show([voice({ seq: 3, raised: false }), voice({ seq: 2 })]);
    expect(screen.queryByTestId("voice-raised")).toBeNull();
  });

  test("shows the newest figures", () => {
    show([voice({ seq: 3, level_db: 11.6 }), voice({ seq: 2 })]);
    expect(screen.getByTestId("voice-raised")).toHaveTextContent("+12 dB");
  });

  test("is not claimed when the line is down or the call is over", () => {
    show([voice({ seq: 2 })], { phase: "waiting", roundTripMs: null, attempt: 1 });
    show([voice({ seq: 2 }), ended({ seq: 3 })]);
    expect(screen.queryByTestId("voice-raised")).toBeNull();
  });

  test("is an event of the contract", () => {
    expect(isCallEvent(voice({ seq: 2 }))).toBe(true);
  });
});

test.each([
  [7.4, "+7"],
  [-2.2, "−2"],
  [0.3, "±0"],
])("a difference of %d is shown as %s", (value, shown) => expect(signed(value)).toBe(shown));
