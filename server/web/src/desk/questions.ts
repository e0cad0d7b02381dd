import type { CaseField } from "../api/events";
import type { PlaybookItem } from "../api/types";
import type { CallState } from "../live/callState";
import { fieldView, type EditState } from "../live/caseEdits";

/** Facts a case cannot do without, in the order in which to ask. */
const NEEDED: readonly CaseField[] = [
  "customer_name",
  "about_what",
  "when",
  "where",
  "product",
  "demand",
  "phone",
];

/** The checklist item that asks for a field: while the field is open, one question is enough. */
const ASKS_FOR: Readonly<Record<string, CaseField>> = {
  ask_name: "customer_name",
  ask_when: "when",
  ask_where: "where",
  ask_what: "about_what",
  ask_who: "who_is_dissatisfied",
  desired_resolution: "demand",
};

export interface OpenQuestion {
  key: string;
  /** A case field asks in the page's words, a checklist item in the playbook's. */
  field: CaseField | null;
  text: string | null;
}

/** What has not been asked yet, most needed first. */
export function openQuestions(
  call: CallState,
  edits: EditState,
  items: readonly PlaybookItem[],
  limit: number,
): OpenQuestion[] {
  const filled = (field: CaseField) =>
    fieldView(edits, field, call.caseRevision?.fields[field]).text.trim() !== "";
  const facts = NEEDED.filter((field) => !filled(field)).map((field) => ({ key: field, field, text: null }));
  const steps = items
    .filter((item) => ["step1", "step2", "step3"].includes(item.step) && item.question !== "")
    .filter((item) => ASKS_FOR[item.id] === undefined && call.checklist[item.id]?.done !== true)
    .map((item) => ({ key: item.id, field: null, text: item.question }));
  return [...facts, ...steps].slice(0, limit);
}
