import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, test, vi } from "vitest";
import type { RuleText } from "../src/api/types";
import { RuleDisclosure } from "../src/ui/RuleDisclosure";

const RULE: RuleText = {
  rule_id: "threat.dark-road",
  kind: "detection",
  version: 2,
  author: "品質管理部",
  enabled: true,
  category: "threat",
  severity: "warning",
  why: "帰り道のことを言って脅している",
  source: "社内基準 第7条",
  patterns: ["夜道 ~ 覚え"],
  file: "ja/lexicon/ours.toml",
  line: 14,
  toml: "[[rule]]",
  playbook: {
    version: "1.1.0+0123abcd",
    digest: "0123abcd",
    author: "品質管理部",
    changed_at: "2026-11-22",
    first_used_at: "2026-11-22T00:00:00Z",
    in_force: false,
  },
};

function answering(status: number, body: unknown) {
  return vi
    .spyOn(globalThis, "fetch")
    .mockImplementation(() => Promise.resolve(new Response(JSON.stringify(body), { status })));
}

const show = () =>
  render(
    <MantineProvider>
      <QueryClientProvider client={new QueryClient()}>
        <RuleDisclosure callId="c1" alertId="threat.dark-road@1-0" />
      </QueryClientProvider>
    </MantineProvider>,
  );

describe("the rule behind an alert", () => {
  test("is read when opened and says which version, by whom and why", async () => {
    const asked = answering(200, RULE);
    show();
    expect(asked).not.toHaveBeenCalled();
    await userEvent.click(screen.getByText("この規則"));
    expect(await screen.findByText("threat.dark-road 第2版")).toBeVisible();
    expect(asked.mock.calls[0]?.[0]).toBe("/api/v1/calls/c1/alerts/threat.dark-road%401-0/rule");
    for (const text of ["品質管理部", "社内基準 第7条"]) expect(screen.getByText(text)).toBeVisible();
    expect(screen.getByText(/1\.1\.0\+0123abcd.*その後に改められました/)).toBeVisible();
  });

  test("is said not to be one where the program decided by itself", async () => {
    answering(404, { code: "rule-not-kept", detail: "", title: "Not Found" });
    show();
    await userEvent.click(screen.getByText("この規則"));
    expect(await screen.findByText(/プログラムの判定/)).toBeVisible();
  });
});
