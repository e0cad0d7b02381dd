import { useMutation } from "@tanstack/react-query";
import { startMasking, stopMasking } from "../api/endpoints";
import type { CallState } from "../live/callState";

/** How long the desk's own masking goes on, from each press. */
export const MASKED_S = 120;

export interface Masking {
  /** As the service tells it: pressing is not masking yet. */
  isOn: boolean;
  reason: string | null;
  untilMs: number | null;
  busy: boolean;
  error: unknown;
  start: () => void;
  stop: () => void;
}

/** Keeps a card's details out of the call; asking again while it is on makes it last longer. */
export function useMasking(callId: string, call: CallState): Masking {
  const starting = useMutation({ mutationFn: () => startMasking(callId, MASKED_S) });
  const stopping = useMutation({ mutationFn: () => stopMasking(callId) });
  const busy = starting.isPending || stopping.isPending;
  const isOn = call.ended === null && call.masking?.masked === true;
  return {
    isOn,
    reason: isOn ? (call.masking?.reason ?? null) : null,
    untilMs: isOn ? (call.masking?.until_ms ?? null) : null,
    busy,
    error: starting.error ?? stopping.error,
    start: () => {
      if (busy) return;
      stopping.reset();
      starting.mutate();
    },
    stop: () => {
      if (busy) return;
      starting.reset();
      stopping.mutate();
    },
  };
}
