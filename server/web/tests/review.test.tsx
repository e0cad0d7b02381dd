import { MantineProvider } from "@mantine/core";
import { render, screen } from "@testing-library/react";
import { describe, expect, test } from "vitest";
import type { AlertReview } from "../src/api/events";
import { isCallEvent } from "../src/api/events";
import "../src/i18n";
import { applyAll, emptyCall } from "../src/live/callState";
import { UtteranceRow } from "../src/live/ConversationRows";
import { alert, utterance } from "./events";

const found = alert({ seq: 3, utterance_ids: ["u2"] });
const words = utterance({ seq: 2 });
const review = (seq: number, verdict: AlertReview["verdict"]): AlertReview => ({
  v: 1,
  call_id: found.call_id,
  seq,
  at_ms: 1000,
  type: "alert_review",
  alert_id: found.alert_id,
  verdict,
  reason: "実際の苦情",
  model: "some-model",
});

const show = (reviews: Record<string, AlertReview>) =>
  render(
    <MantineProvider>
      <UtteranceRow
        utterance={words}
        found={null}
        alerts={[found]}
        reviews={reviews}
        startedAt={null}
        repeat={null}
      />
    </MantineProvider>,
  );

describe("a review of an alert", () => {
  test("is an event, and is kept beside the alert, which stays", () => {
    const first = review(4, "not_harassment");
    expect(isCallEvent(first)).toBe(true);
    const one = applyAll(emptyCall(found.call_id), [words, found, first]);
    const other = applyAll(emptyCall(found.call_id), [first, found, words]);
    expect(one.alerts).toEqual([found]);
    expect(one.reviews).toEqual({ [found.alert_id]: first });
    expect(other.reviews).toEqual(one.reviews);
  });

  test("is replaced by a later one, whichever comes first", () => {
    const [older, later] = [review(4, "not_harassment"), review(5, "harassment")];
    for (const events of [
      [older, later],
      [later, older],
    ]) {
      const { reviews } = applyAll(emptyCall(found.call_id), events);
      expect(reviews[found.alert_id]?.verdict).toBe("harassment");
    }
  });

  test("asks for a second look, with model and reason, beside the alert", () => {
    show({ [found.alert_id]: review(4, "not_harassment") });
    expect(screen.getByTestId("alert")).toBeInTheDocument();
    const mark = screen.getByTestId("alert-review");
    expect(mark).toHaveTextContent("要確認");
    expect(mark).toHaveAccessibleName(/some-model.*実際の苦情/);
  });

  test("supports the alert", () => {
    show({ [found.alert_id]: review(4, "harassment") });
    expect(screen.getByTestId("alert-review")).toHaveTextContent("支持");
  });

  test("is not there where nobody was asked", () => {
    show({});
    expect(screen.queryByTestId("alert-review")).toBeNull();
  });
});
