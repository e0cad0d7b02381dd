import { describe, expect, test } from "vitest";
import {
  acknowledged,
  clearEdits,
  discarded,
  fieldView,
  hasUnsaved,
  loadEdits,
  NO_EDITS,
  reconciled,
  saved,
  storeEdits,
  typed,
  type EditState,
} from "../src/live/caseEdits";
import { field } from "./events";

const proposed = field("小野寺");

function save(state: EditState, editId: string): EditState {
  const result = saved(state, editId);
  if (result === null) throw new Error("expected something to save");
  return result.state;
}

describe("what a field shows", () => {
  test("the service's proposal, until the agent types", () => {
    expect(fieldView(NO_EDITS, "customer_name", proposed)).toMatchObject({
      text: "小野寺",
      status: "proposed",
    });
    const typing = typed(NO_EDITS, "customer_name", "小野寺 剛");
    expect(fieldView(typing, "customer_name", field("別人"))).toMatchObject({
      text: "小野寺 剛",
      status: "typing",
    });
  });

  test("the agent's words from typing to confirmed, whatever the service proposes meanwhile", () => {
    const typing = typed(NO_EDITS, "customer_name", "小野寺 剛");
    const pending = save(typing, "e1");
    expect(fieldView(pending, "customer_name", field("別人"))).toMatchObject({
      text: "小野寺 剛",
      status: "saving",
    });
    const taken = acknowledged(pending, "e1", true);
    expect(fieldView(taken, "customer_name", field("別人"))).toMatchObject({
      text: "小野寺 剛",
      status: "confirmed",
    });
    const shown = reconciled(taken, { customer_name: field("小野寺 剛", { confirmed: true }) });
    expect(shown.taken).toEqual({});
  });

  test("a proposal that comes after the acknowledgement does not win", () => {
    const taken = acknowledged(save(typed(NO_EDITS, "demand", "返金"), "e1"), "e1", true);
    expect(reconciled(taken, { demand: field("交換") })).toBe(taken);
  });

  test("typing on while an edit is on its way shows what is typed last", () => {
    const typing = typed(save(typed(NO_EDITS, "demand", "返"), "e1"), "demand", "返金");
    expect(fieldView(typing, "demand", undefined)).toMatchObject({ text: "返金", status: "typing" });
    expect(fieldView(acknowledged(typing, "e1", true), "demand", undefined).text).toBe("返金");
  });

  test("an emptied field stays empty", () => {
    const taken = acknowledged(save(typed(NO_EDITS, "demand", ""), "e1"), "e1", true);
    expect(fieldView(taken, "demand", field("交換"))).toMatchObject({ text: "", status: "confirmed" });
  });

  test("undoing goes back to the service's value", () => {
    const state = discarded(typed(NO_EDITS, "demand", "x"), "demand");
    expect(fieldView(state, "demand", field("交換")).text).toBe("交換");
  });
});

describe("saving", () => {
  test("nothing typed is nothing to save", () => {
    expect(saved(NO_EDITS, "e1")).toBeNull();
    expect(saved(typed(NO_EDITS, "demand", "返金"), "e1", ["when"])).toBeNull();
  });

  test("one field alone leaves the other drafts", () => {
    const state = typed(typed(NO_EDITS, "demand", "返金"), "when", "昨日");
    const result = saved(state, "e1", ["when"]);
    expect(result?.edit.values).toEqual({ when: "昨日" });
    expect(result?.state.drafts).toEqual({ demand: "返金" });
  });

  test("a refusal brings the words back as a draft and says so", () => {
    const refused = acknowledged(save(typed(NO_EDITS, "demand", "返金"), "e1"), "e1", false);
    expect(fieldView(refused, "demand", undefined)).toMatchObject({ text: "返金", status: "refused" });
    expect(hasUnsaved(refused)).toBe(true);
  });

  test("a refusal does not replace what was typed since", () => {
    const since = typed(save(typed(NO_EDITS, "demand", "返"), "e1"), "demand", "返金");
    expect(acknowledged(since, "e1", false).drafts).toEqual({ demand: "返金" });
  });

  test("an acknowledgement that comes twice, or of another page, changes nothing", () => {
    const taken = acknowledged(save(typed(NO_EDITS, "demand", "返金"), "e1"), "e1", true);
    expect(acknowledged(taken, "e1", true)).toBe(taken);
    expect(acknowledged(taken, "e9", false)).toBe(taken);
  });
});

describe("a reload", () => {
  test("keeps drafts and edits on their way", () => {
    const state = typed(save(typed(NO_EDITS, "demand", "返金"), "e1"), "when", "昨日");
    storeEdits(sessionStorage, "c1", state);
    expect(loadEdits(sessionStorage, "c1")).toEqual(state);
    expect(loadEdits(sessionStorage, "c2")).toEqual(NO_EDITS);
  });

  test("leaves nothing behind once all is saved, or after signing out", () => {
    storeEdits(sessionStorage, "c1", typed(NO_EDITS, "demand", "返金"));
    storeEdits(sessionStorage, "c1", NO_EDITS);
    expect(sessionStorage).toHaveLength(0);
    storeEdits(sessionStorage, "c1", typed(NO_EDITS, "demand", "返金"));
    sessionStorage.setItem("other", "kept");
    clearEdits(sessionStorage);
    expect(sessionStorage).toHaveLength(1);
  });

  test("survives damaged storage", () => {
    sessionStorage.setItem("koemori.case.c1", "{not json");
    expect(loadEdits(sessionStorage, "c1")).toEqual(NO_EDITS);
  });
});
