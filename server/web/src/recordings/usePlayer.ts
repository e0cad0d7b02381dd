import { useCallback, useEffect, useMemo, useRef, useState, type RefObject } from "react";

export interface Player {
  audio: RefObject<HTMLAudioElement | null>;
  playing: boolean;
  positionMs: number;
  rate: number;
  failed: boolean;
  toggle: () => void;
  playFrom: (ms: number) => void;
  seek: (ms: number) => void;
  skip: (ms: number) => void;
  setRate: (rate: number) => void;
}

const TICK_MS = 80;

/** Drives an `<audio>` element; `source` null until listening is allowed. */
export function usePlayer(source: string | null, durationMs: number): Player {
  const audio = useRef<HTMLAudioElement>(null);
  const [playing, setPlaying] = useState(false);
  const [positionMs, setPosition] = useState(0);
  const [rate, setRateState] = useState(1);
  const [failed, setFailed] = useState(false);

  useEffect(() => {
    const element = audio.current;
    if (element === null || source === null) return;
    const read = () => setPosition(element.currentTime * 1000);
    const started = () => setPlaying(true);
    const stopped = () => {
      setPlaying(false);
      read();
    };
    const broke = () => setFailed(true);
    element.addEventListener("play", started);
    element.addEventListener("pause", stopped);
    element.addEventListener("seeked", read);
    element.addEventListener("error", broke);
    const timer = setInterval(() => {
      if (!element.paused) read();
    }, TICK_MS);
    return () => {
      clearInterval(timer);
      element.removeEventListener("play", started);
      element.removeEventListener("pause", stopped);
      element.removeEventListener("seeked", read);
      element.removeEventListener("error", broke);
    };
  }, [source]);

  const seek = useCallback(
    (ms: number) => {
      const bounded = Math.min(Math.max(0, ms), durationMs);
      setPosition(bounded);
      if (audio.current !== null) audio.current.currentTime = bounded / 1000;
    },
    [durationMs],
  );
  const play = useCallback(() => {
    audio.current?.play().catch((error: unknown) => {
      // A pause that overtakes a start is no failure.
      if (!(error instanceof DOMException && error.name === "AbortError")) setFailed(true);
    });
  }, []);
  const playFrom = useCallback(
    (ms: number) => {
      seek(ms);
      play();
    },
    [seek, play],
  );
  const toggle = useCallback(() => {
    if (audio.current?.paused === false) audio.current.pause();
    else play();
  }, [play]);
  const skip = useCallback((ms: number) => seek((audio.current?.currentTime ?? 0) * 1000 + ms), [seek]);
  const setRate = useCallback((next: number) => {
    setRateState(next);
    if (audio.current !== null) audio.current.playbackRate = next;
  }, []);

  return useMemo(
    () => ({ audio, playing, positionMs, rate, failed, toggle, playFrom, seek, skip, setRate }),
    [playing, positionMs, rate, failed, toggle, playFrom, seek, skip, setRate],
  );
}
