export interface PlayerState {
  playing: boolean;
  positionMs: number;
  rate: number;
  failed: boolean;
}

const TICK_MS = 80;

/** Drives one `<audio>` element, given by `attach`; usable as an external store. */
export class AudioPlayer {
  private state: PlayerState = { playing: false, positionMs: 0, rate: 1, failed: false };
  private readonly listeners = new Set<() => void>();
  private element: HTMLAudioElement | null = null;

  constructor(private readonly durationMs: number) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getState = (): PlayerState => this.state;

  /** A ref callback: takes the element, and lets it go again. */
  readonly attach = (element: HTMLAudioElement | null): (() => void) | undefined => {
    if (element === null) return undefined;
    this.element = element;
    const ended = new AbortController();
    const { signal } = ended;
    element.addEventListener("play", () => this.set({ playing: true, failed: false }), { signal });
    element.addEventListener("pause", () => this.set({ playing: false, positionMs: this.nowMs() }), {
      signal,
    });
    element.addEventListener("seeked", () => this.set({ positionMs: this.nowMs() }), { signal });
    element.addEventListener("error", () => this.set({ failed: true, playing: false }), { signal });
    const timer = setInterval(() => {
      if (!element.paused) this.set({ positionMs: this.nowMs() });
    }, TICK_MS);
    return () => {
      clearInterval(timer);
      ended.abort();
      element.pause();
      this.element = null;
    };
  };

  readonly toggle = (): void => {
    if (this.element?.paused === false) this.element.pause();
    else this.play();
  };

  readonly playFrom = (ms: number): void => {
    this.seek(ms);
    this.play();
  };

  readonly seek = (ms: number): void => {
    const positionMs = Math.min(Math.max(0, ms), this.durationMs);
    if (this.element !== null) this.element.currentTime = positionMs / 1000;
    this.set({ positionMs });
  };

  readonly skip = (ms: number): void => this.seek(this.nowMs() + ms);

  readonly setRate = (rate: number): void => {
    if (this.element !== null) this.element.playbackRate = rate;
    this.set({ rate });
  };

  private nowMs(): number {
    return (this.element?.currentTime ?? 0) * 1000;
  }

  private play(): void {
    this.element?.play().catch((error: unknown) => {
      // A pause that overtakes a start is no failure.
      if (!(error instanceof DOMException && error.name === "AbortError")) this.set({ failed: true });
    });
  }

  private set(change: Partial<PlayerState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }
}
