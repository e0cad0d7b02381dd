import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { askHelp, withdrawHelp } from "../api/endpoints";
import type { CallSummary } from "../api/types";

export interface Help {
  askedAt: string | null;
  busy: boolean;
  error: unknown;
  ask: () => void;
  withdraw: () => void;
}

/** The agent's call for a supervisor. Asking twice is asking once: a pressed key in a bad moment takes nothing back. */
export function useHelp(callId: string, about: CallSummary | null): Help {
  const queries = useQueryClient();
  // What this page did and the service's list does not show yet.
  const [own, setOwn] = useState<{ askedAt: string | null; over: string | null } | null>(null);
  const listed = about?.help_requested_at ?? null;
  const askedAt = own !== null && own.over === listed ? own.askedAt : listed;
  const after = () => void queries.invalidateQueries({ queryKey: ["call", callId] });
  const asking = useMutation({
    mutationFn: () => askHelp(callId),
    onSuccess: () => {
      setOwn({ askedAt: new Date().toISOString(), over: listed });
      after();
    },
  });
  const withdrawing = useMutation({
    mutationFn: () => withdrawHelp(callId),
    onSuccess: () => {
      setOwn({ askedAt: null, over: listed });
      after();
    },
  });
  const busy = asking.isPending || withdrawing.isPending;
  return {
    askedAt,
    busy,
    error: askedAt === null ? asking.error : withdrawing.error,
    ask: () => {
      if (!busy && askedAt === null) asking.mutate();
    },
    withdraw: () => {
      if (!busy) withdrawing.mutate();
    },
  };
}
