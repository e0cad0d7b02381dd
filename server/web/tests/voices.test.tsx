import { MantineProvider } from "@mantine/core";
import { render, screen } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import "../src/i18n";
import { UtteranceRow } from "../src/live/ConversationRows";
import { voicesOf } from "../src/live/voices";
import { speakers, utterance } from "./events";

const word = (text: string, startMs: number, speaker?: string) => ({
  text,
  start_ms: startMs,
  end_ms: startMs + 400,
  probability: 0.9,
  ...(speaker === undefined ? {} : { speaker }),
});
const said = (...words: ReturnType<typeof word>[]) =>
  utterance({ seq: 2, speaker: "unknown", text: words.map((one) => one.text).join(""), words });

describe("voices of one channel", () => {
  test("come from the last look when there was one", () => {
    const found = speakers({ seq: 3 });
    expect(voicesOf(said(word("もしもし", 0, "unknown")), found)).toBe(found.runs);
  });

  test("come from the words as long as there was none", () => {
    const shared = said(word("もし", 0, "S1"), word("もし", 400, "S1"), word("はい", 900, "S2"));
    expect(voicesOf(shared, null)).toEqual([
      { speaker: "S1", start_ms: 0, end_ms: 800, text: "もしもし" },
      { speaker: "S2", start_ms: 900, end_ms: 1300, text: "はい" },
    ]);
  });

  test("are not invented where nobody was told apart", () => {
    expect(voicesOf(said(word("もしもし", 0, "unknown")), null)).toEqual([]);
    expect(voicesOf(said(word("もしもし", 0)), null)).toEqual([]);
  });

  test("each have a name on the desk", () => {
    const shared = said(word("もしもし", 0, "S1"), word("はい", 900, "S2"));
    render(
      <MantineProvider>
        <UtteranceRow utterance={shared} found={null} alerts={[]} startedAt={null} repeat={null} />
      </MantineProvider>,
    );
    expect(screen.getAllByTestId("voice").map((row) => row.textContent)).toEqual([
      "話者1もしもし",
      "話者2はい",
    ]);
  });
});
