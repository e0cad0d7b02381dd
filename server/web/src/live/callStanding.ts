import type { CallState } from "./callState";

export type CallStanding = "held" | "transferred" | "caller_known";

/** What has just changed is shown for this long; a hold for as long as it lasts. */
const TRANSFER_SHOWN_MS = 60_000;
const CALLER_SHOWN_MS = 20_000;

/** What the phone system last told of a call that matters to whoever follows it; null when nothing does now. */
export function callStanding(call: CallState, nowMs: number): CallStanding | null {
  if (call.ended !== null) return null;
  const holds = call.updates.filter(({ kind }) => kind === "held" || kind === "resumed");
  if (holds.at(-1)?.kind === "held") return "held";
  const told = (ms: number, matters: (update: CallState["updates"][number]) => boolean) =>
    call.updates.some((update) => update.at_ms > nowMs - ms && matters(update));
  if (told(TRANSFER_SHOWN_MS, ({ kind }) => kind === "transferred")) return "transferred";
  return told(CALLER_SHOWN_MS, ({ customer_known }) => customer_known === true) ? "caller_known" : null;
}
