import { useCallback, useEffect, useRef, useState } from "react";
import { serviceNow } from "../api/client";
import { openInput, NONE } from "./devices";
import { WhipCall } from "./whip";

export type Phase = "idle" | "starting" | "recording" | "held" | "lost";

export interface Choice {
  trunk: string;
  mic: string;
  other: string;
  number: string;
}

export interface Softphone {
  phase: Phase;
  /** The agent's side, then the customer's. */
  tracks: readonly MediaStreamTrack[];
  muted: boolean;
  /** The service's time at which recording began, in milliseconds. */
  since: number | null;
  error: unknown;
  start: (choice: Choice) => Promise<void>;
  end: () => Promise<void>;
  mute: (muted: boolean) => void;
  hold: (held: boolean) => Promise<void>;
}

const NO_TRACKS: readonly MediaStreamTrack[] = [];

/** One call at a time from this page; leaving the page ends it. */
export function useSoftphone(): Softphone {
  const [phase, setPhase] = useState<Phase>("idle");
  const [tracks, setTracks] = useState(NO_TRACKS);
  const [muted, setMuted] = useState(false);
  const [since, setSince] = useState<number | null>(null);
  const [error, setError] = useState<unknown>(null);
  const call = useRef<WhipCall | null>(null);
  const open = useRef(NO_TRACKS);

  const release = useCallback((next: Phase) => {
    for (const track of open.current) track.stop();
    open.current = NO_TRACKS;
    call.current = null;
    setTracks(NO_TRACKS);
    setMuted(false);
    setSince(null);
    setPhase(next);
  }, []);

  const start = useCallback(
    async ({ trunk, mic, other, number }: Choice) => {
      setError(null);
      setPhase("starting");
      try {
        const taken = [await openInput(mic, "agent")];
        open.current = taken;
        if (other !== NONE) taken.push(await openInput(other, "customer"));
        call.current = await WhipCall.begin({ trunk, tracks: taken, number }, () => release("lost"));
        setTracks(taken);
        setSince(serviceNow());
        setPhase("recording");
      } catch (problem) {
        setError(problem);
        release("idle");
      }
    },
    [release],
  );

  const end = useCallback(async () => {
    const current = call.current;
    release("idle");
    try {
      await current?.end();
    } catch (problem) {
      setError(problem);
    }
  }, [release]);

  const mute = useCallback((next: boolean) => {
    const own = open.current[0];
    if (own !== undefined) own.enabled = !next;
    setMuted(next);
  }, []);

  const hold = useCallback(async (held: boolean) => {
    try {
      await call.current?.hold(held);
      setPhase(held ? "held" : "recording");
    } catch (problem) {
      setError(problem);
    }
  }, []);

  useEffect(
    () => () => {
      void call.current?.end();
      for (const track of open.current) track.stop();
    },
    [],
  );
  useEffect(() => {
    if (phase !== "recording" && phase !== "held") return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [phase]);

  return { phase, tracks, muted, since, error, start, end, mute, hold };
}
