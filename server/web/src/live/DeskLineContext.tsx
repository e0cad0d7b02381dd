import { createContext, use, useEffect, useState, useSyncExternalStore, type ReactNode } from "react";
import { ApiProblem } from "../api/client";
import { getEvents, patchCase, takeTicket } from "../api/endpoints";
import { useSession } from "../session/SessionContext";
import type { CallState } from "./callState";
import { NO_EDITS, type EditState } from "./caseEdits";
import { DeskLine, type DeskSnapshot, type DeskWorld } from "./deskLine";

const Context = createContext<DeskLine | null>(null);

export function socketUrl(path: string): string {
  const { protocol, host } = window.location;
  return `${protocol === "https:" ? "wss" : "ws"}://${host}${path}`;
}

export function isSignedOut(error: unknown): boolean {
  return error instanceof ApiProblem && (error.status === 401 || error.status === 403);
}

const WORLD: DeskWorld = {
  openSocket: (url) => new WebSocket(url),
  takeTicket,
  nowMs: () => performance.now(),
  random: () => Math.random(),
  storage: sessionStorage,
  newId: () => `${Date.now().toString(36)}-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`,
  getEvents,
  patchCase,
  isRefusal: isSignedOut,
  isDenial: (error) => error instanceof ApiProblem && error.status < 500,
};

export function DeskLineProvider({ children }: { children: ReactNode }) {
  const [line] = useState(() => new DeskLine(WORLD, socketUrl("/ws/desk")));
  const { lapse } = useSession();
  useEffect(() => {
    line.start();
    return () => line.stop();
  }, [line]);
  useEffect(
    () =>
      line.subscribe(() => {
        if (line.getSnapshot().line.phase === "refused") lapse();
      }),
    [line, lapse],
  );
  return <Context value={line}>{children}</Context>;
}

export function useDeskLine(): DeskLine {
  const line = use(Context);
  if (line === null) throw new Error("useDeskLine needs a DeskLineProvider above it");
  return line;
}

export function useDesk(): DeskSnapshot {
  const line = useDeskLine();
  return useSyncExternalStore(line.subscribe, line.getSnapshot);
}

/** Follows a call while the component is shown. */
export function useCall(callId: string): { call: CallState | null; edits: EditState } {
  const line = useDeskLine();
  const { calls, edits } = useDesk();
  useEffect(() => line.follow(callId), [line, callId]);
  return { call: calls.get(callId) ?? null, edits: edits.get(callId) ?? NO_EDITS };
}
