import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { takeTicket, getWallboard } from "../api/endpoints";
import type { Wallboard } from "../api/types";
import { isSignedOut, socketUrl } from "../live/DeskLineContext";
import { LiveSocket, type LineState } from "../live/liveSocket";
import { useSession } from "../session/SessionContext";

function isWallboard(message: unknown): message is Wallboard {
  return typeof message === "object" && message !== null && "queues" in message && "calls" in message;
}

/** The board's figures: read once over HTTP, then as the service pushes them. */
export function useWallboard(): { board: Wallboard | null; line: LineState; error: unknown } {
  const { lapse } = useSession();
  const [pushed, setPushed] = useState<Wallboard | null>(null);
  const [line, setLine] = useState<LineState>({ phase: "connecting", roundTripMs: null, attempt: 0 });
  const { data, error } = useQuery({ queryKey: ["wallboard"], queryFn: getWallboard });
  useEffect(() => {
    const world = {
      openSocket: (url: string) => new WebSocket(url),
      takeTicket,
      nowMs: () => performance.now(),
      random: () => Math.random(),
    };
    const socket = new LiveSocket(socketUrl("/ws/wallboard"), world, {
      onOpen: () => undefined,
      onMessage: (message) => {
        if (isWallboard(message)) setPushed(message);
      },
      onState: (state) => {
        setLine(state);
        if (state.phase === "refused") lapse();
      },
      isRefusal: isSignedOut,
    });
    socket.start();
    return () => socket.stop();
  }, [lapse]);
  return { board: pushed ?? data ?? null, line, error };
}
