import type { CallState } from "../live/callState";

export type RecordingState = "on" | "paused" | "masked" | "lossy" | "done";

/** A gap counts as going on, or as just over, for this long. */
const RECENT_MS = 3_000;
const RECENT_LOSS_MS = 10_000;

export function recordingState(call: CallState, nowMs: number): RecordingState {
  if (call.ended !== null) return "done";
  if (call.masking?.masked === true) return "masked";
  const within = (cause: string, ms: number) =>
    call.gaps.some((gap) => gap.cause === cause && gap.start_ms + gap.duration_ms >= nowMs - ms);
  if (within("paused", RECENT_MS)) return "paused";
  if (within("masked", RECENT_MS)) return "masked";
  return within("lost", RECENT_LOSS_MS) ? "lossy" : "on";
}
