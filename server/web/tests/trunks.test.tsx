import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen, within } from "@testing-library/react";
import { MemoryRouter } from "react-router";
import { describe, expect, test, vi } from "vitest";
import type { TrunkList, TrunkStanding } from "../src/api/types";
import { changeLanguage } from "../src/i18n";
import { TrunksPage } from "../src/trunks/TrunksPage";

vi.mock("../src/ui/UserMenu", () => ({ UserMenu: () => null }));

const WELL: TrunkStanding = {
  name: "media",
  kind: "stream",
  state: "live",
  places: ["wss://koe.example.jp/ingest/media"],
  media: null,
  allow: ["127.0.0.0/8"],
  calls_live: 3,
  max_calls: 200,
  calls_taken: 1204,
  refused: 0,
  last_call_at: "2026-11-22T01:00:00Z",
  last_media_at: "2026-11-22T01:00:05Z",
  opened_at: "2026-11-21T23:00:00Z",
  findings: [],
};
const TROUBLED: TrunkStanding = {
  ...WELL,
  name: "sbc",
  kind: "siprec",
  state: "warning",
  places: ["sip:10.0.0.9:5060;transport=tcp"],
  media: "udp 10.0.0.9:20000-29999",
  calls_live: 0,
  last_media_at: null,
  findings: [
    {
      code: "no-media",
      on: "problem",
      count: 4,
      grave: true,
      came: { ja: "音声が一度も届かない通話が4件ありました", en: "4 calls were announced and no audio came" },
      advice: { ja: "UDP を通してください", en: "let UDP through" },
    },
  ],
};

function show(...items: TrunkStanding[]) {
  const answer: TrunkList = { at: "2026-11-22T01:00:06Z", items };
  vi.spyOn(globalThis, "fetch").mockImplementation(() =>
    Promise.resolve(new Response(JSON.stringify(answer), { status: 200 })),
  );
  render(
    <MantineProvider>
      <QueryClientProvider client={new QueryClient()}>
        <MemoryRouter>
          <TrunksPage />
        </MemoryRouter>
      </QueryClientProvider>
    </MantineProvider>,
  );
}

describe("the lines", () => {
  test("that spoil calls come first and say what to do", async () => {
    show(WELL, TROUBLED);
    const [first, second] = await screen.findAllByTestId("trunk");
    expect(first).toHaveAttribute("data-trunk", "sbc");
    expect(first).toHaveTextContent("音声が一度も届かない通話が4件ありました");
    expect(first).toHaveTextContent("UDP を通してください");
    expect(first).toHaveTextContent("udp 10.0.0.9:20000-29999");
    expect(within(second as HTMLElement).queryByTestId("trunk-finding")).toBeNull();
    expect(second).toHaveTextContent("1,204");
    expect(screen.getByRole("status")).toHaveTextContent("1 本の回線で、通話が失われるか損なわれています。");
  });

  test("that are well say so, in English as well", async () => {
    await changeLanguage("en", false);
    show(WELL);
    expect(await screen.findByText("Nothing is wrong with any line.")).toBeInTheDocument();
    expect(screen.getByText("On calls")).toBeInTheDocument();
    await changeLanguage("ja", false);
  });
});
