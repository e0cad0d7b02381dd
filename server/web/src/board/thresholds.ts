import type { AssistanceLevel } from "../api/events";
import type { CallSummary, QueueFigures } from "../api/types";

/** How a figure stands against its threshold; `idle` where there is nothing to judge yet. */
export type Standing = "ok" | "amber" | "red" | "idle";

const TARGET_SERVICE_LEVEL = 0.8;
const LOW_SERVICE_LEVEL = 0.6;
const HIGH_ABANDON_RATE = 0.05;
const GRAVE_ABANDON_RATE = 0.1;

/** Waits are amber beyond the queue's own threshold and red beyond three times it. */
export function waitStanding(waitS: number | null, thresholdS: number): Standing {
  if (waitS === null) return "idle";
  if (waitS > 3 * thresholdS) return "red";
  return waitS > thresholdS ? "amber" : "ok";
}

export function serviceLevelStanding(share: number | null): Standing {
  if (share === null) return "idle";
  if (share < LOW_SERVICE_LEVEL) return "red";
  return share < TARGET_SERVICE_LEVEL ? "amber" : "ok";
}

export function abandonStanding(rate: number | null): Standing {
  if (rate === null) return "idle";
  if (rate > GRAVE_ABANDON_RATE) return "red";
  return rate > HIGH_ABANDON_RATE ? "amber" : "ok";
}

/** The longest wait goes on between two messages of the service. */
export function longestWaitNow(figures: QueueFigures, atMs: number, nowMs: number): number | null {
  if (figures.waiting === 0 || figures.longest_wait_s === null) return null;
  return figures.longest_wait_s + Math.max(0, nowMs - atMs) / 1000;
}

/** Requests for help first, in the order in which they came; then the gravest; then the longest. */
export function byNeed(a: CallSummary, b: CallSummary): number {
  if ((a.help_requested_at === null) !== (b.help_requested_at === null))
    return a.help_requested_at === null ? 1 : -1;
  if (a.help_requested_at !== null && b.help_requested_at !== null) {
    const order = Date.parse(a.help_requested_at) - Date.parse(b.help_requested_at);
    if (order !== 0) return order;
  }
  return b.severity - a.severity || Date.parse(a.started_at) - Date.parse(b.started_at);
}

const SHED_IN_ORDER: readonly AssistanceLevel[] = [
  "normal",
  "partials_reduced",
  "partials_off",
  "large_windows",
  "shedding",
];

/** The workers serve every call, so the board says once what the worst off of them loses. */
export function worstAssistance(calls: readonly CallSummary[]): AssistanceLevel | null {
  const ranks = calls.map((call) => SHED_IN_ORDER.indexOf(call.assistance ?? "normal"));
  return SHED_IN_ORDER[Math.max(...ranks, -1)] ?? null;
}
