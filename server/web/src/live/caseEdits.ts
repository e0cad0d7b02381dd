import type { FieldValue } from "../api/events";

/** Values on their way to the service; kept and sent again until it says that it has them. */
export interface PendingEdit {
  editId: string;
  values: Readonly<Record<string, string>>;
}

/** What the agent has done to one call's case and the service does not yet show. */
export interface EditState {
  /** Typed and not yet saved. */
  drafts: Readonly<Record<string, string>>;
  pending: readonly PendingEdit[];
  /** Taken by the service; shown until its next case revision carries them. */
  taken: Readonly<Record<string, string>>;
  /** Fields the service refused; their text is back in `drafts`. */
  refused: readonly string[];
}

export const NO_EDITS: EditState = { drafts: {}, pending: [], taken: {}, refused: [] };

export function typed(state: EditState, field: string, text: string): EditState {
  return { ...state, drafts: { ...state.drafts, [field]: text }, refused: without(state.refused, [field]) };
}

/** Goes back to what the service says. */
export function discarded(state: EditState, field: string): EditState {
  return { ...state, drafts: omit(state.drafts, [field]), refused: without(state.refused, [field]) };
}

/** Turns drafts (all, or of the named fields) into one edit to send; null when there is nothing to save. */
export function saved(
  state: EditState,
  editId: string,
  fields: readonly string[] = Object.keys(state.drafts),
): { state: EditState; edit: PendingEdit } | null {
  const values = pick(state.drafts, fields);
  if (Object.keys(values).length === 0) return null;
  const edit = { editId, values };
  return {
    edit,
    state: { ...state, drafts: omit(state.drafts, fields), pending: [...state.pending, edit], refused: [] },
  };
}

export function acknowledged(state: EditState, editId: string, ok: boolean): EditState {
  const edit = state.pending.find((candidate) => candidate.editId === editId);
  if (edit === undefined) return state;
  const pending = state.pending.filter((candidate) => candidate !== edit);
  if (ok) return { ...state, pending, taken: { ...state.taken, ...edit.values } };
  // A newer draft of the same field is what the agent wants now; refused text must not replace it.
  return {
    ...state,
    pending,
    drafts: { ...edit.values, ...state.drafts },
    refused: [...new Set([...state.refused, ...Object.keys(edit.values)])],
  };
}

/** Lets go of values that the service's own case now carries, or that were confirmed otherwise after it took ours. */
export function reconciled(state: EditState, fields: Readonly<Record<string, FieldValue>>): EditState {
  const shown = Object.keys(state.taken).filter((field) => fields[field]?.confirmed === true);
  return shown.length === 0 ? state : { ...state, taken: omit(state.taken, shown) };
}

export type FieldStatus = "empty" | "proposed" | "typing" | "saving" | "confirmed" | "refused";

export interface FieldView {
  text: string;
  status: FieldStatus;
  confidence: number;
  utteranceIds: readonly string[];
}

/** What a field shows: the agent's own words always win over what the service proposes. */
export function fieldView(state: EditState, field: string, server: FieldValue | undefined): FieldView {
  const source = { confidence: server?.confidence ?? 0, utteranceIds: server?.utterance_ids ?? [] };
  const draft = state.drafts[field];
  if (draft !== undefined) {
    return { ...source, text: draft, status: state.refused.includes(field) ? "refused" : "typing" };
  }
  const pending = state.pending.findLast((edit) => field in edit.values)?.values[field];
  if (pending !== undefined) return { ...source, text: pending, status: "saving" };
  const taken = state.taken[field];
  if (taken !== undefined) return { ...source, text: taken, status: "confirmed" };
  if (server === undefined) return { ...source, text: "", status: "empty" };
  if (server.confirmed) return { ...source, text: server.value, status: "confirmed" };
  return { ...source, text: server.value, status: server.value === "" ? "empty" : "proposed" };
}

export function hasUnsaved(state: EditState): boolean {
  return Object.keys(state.drafts).length > 0 || state.pending.length > 0;
}

const KEY = "koemori.case.";

/** Reads what a reload left behind; anything unreadable counts as nothing. */
export function loadEdits(storage: Storage, callId: string): EditState {
  try {
    const kept = JSON.parse(storage.getItem(KEY + callId) ?? "null") as Partial<EditState> | null;
    return { ...NO_EDITS, ...kept };
  } catch {
    return NO_EDITS;
  }
}

export function storeEdits(storage: Storage, callId: string, state: EditState): void {
  if (state === NO_EDITS || (!hasUnsaved(state) && Object.keys(state.taken).length === 0)) {
    storage.removeItem(KEY + callId);
  } else {
    storage.setItem(KEY + callId, JSON.stringify(state));
  }
}

/** Forgets all calls' edits, at sign-out: the next person at this desk must not see them. */
export function clearEdits(storage: Storage): void {
  const keys = Array.from({ length: storage.length }, (_, i) => storage.key(i) ?? "");
  for (const key of keys) if (key.startsWith(KEY)) storage.removeItem(key);
}

function pick(values: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name)));
}

function omit(values: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => !names.includes(name)));
}

function without(list: readonly string[], names: readonly string[]): readonly string[] {
  return list.some((name) => names.includes(name)) ? list.filter((name) => !names.includes(name)) : list;
}
