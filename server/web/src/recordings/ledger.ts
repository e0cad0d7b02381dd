import type { LedgerChannel } from "../api/events";

export const CAUSES = ["captured", "lost", "late", "paused", "masked", "clock", "crash"] as const;
export type Cause = (typeof CAUSES)[number];

export interface LedgerPart {
  cause: Cause;
  ms: number;
  share: number;
}

export interface LedgerBar {
  index: number;
  role: string;
  durationMs: number;
  parts: LedgerPart[];
  /** Whether the parts add up to the duration. */
  balanced: boolean;
}

export function ledgerBar(channel: LedgerChannel): LedgerBar {
  const amounts: Record<Cause, number> = {
    captured: channel.captured_ms,
    lost: channel.lost_ms,
    late: channel.late_ms,
    paused: channel.paused_ms,
    masked: channel.masked_ms,
    clock: channel.clock_ms,
    crash: channel.crash_ms,
  };
  const sum = CAUSES.reduce((total, cause) => total + amounts[cause], 0);
  return {
    index: channel.index,
    role: channel.role,
    durationMs: channel.duration_ms,
    parts: CAUSES.map((cause) => ({
      cause,
      ms: amounts[cause],
      share: sum === 0 ? 0 : amounts[cause] / sum,
    })),
    balanced: sum === channel.duration_ms,
  };
}
