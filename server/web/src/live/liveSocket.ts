/** What a page says about its line to the service. */
export interface LineState {
  phase: "connecting" | "online" | "waiting" | "refused";
  /** Round trip of the last ping, milliseconds. */
  roundTripMs: number | null;
  /** Failed attempts since the line was last up. */
  attempt: number;
}

/** The parts of the world a line needs, so that tests can play them. */
export interface LineWorld {
  openSocket: (url: string) => WebSocket;
  takeTicket: () => Promise<string>;
  nowMs: () => number;
  random: () => number;
}

export interface LineHandlers {
  /** The line is up; say here what the page wants to hear. */
  onOpen: () => void;
  onMessage: (message: unknown) => void;
  onState: (state: LineState) => void;
  /** Whether an error of `takeTicket` means that nobody is signed in any more. */
  isRefusal: (error: unknown) => boolean;
}

const PING_EVERY_MS = 5_000;
const SILENT_AFTER_MS = 12_000;
const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 10_000;

/**
 * A line to the service that comes back by itself: ticket, socket, hello; pings; and after a break another try, later
 * each time, with chance in it so that a floor of desks does not return in the same instant.
 */
export class LiveSocket {
  private socket: WebSocket | null = null;
  private state: LineState = { phase: "connecting", roundTripMs: null, attempt: 0 };
  private timers = new Set<ReturnType<typeof setTimeout>>();
  private pinger: ReturnType<typeof setInterval> | null = null;
  private pingSentMs: number | null = null;
  private lastHeardMs = 0;
  private openedMs = 0;
  private generation = 0;

  constructor(
    private readonly url: string,
    private readonly world: LineWorld,
    private readonly handlers: LineHandlers,
  ) {}

  start(): void {
    window.addEventListener("online", this.retryNow);
    void this.connect();
  }

  stop(): void {
    window.removeEventListener("online", this.retryNow);
    this.generation += 1;
    this.dropSocket();
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }

  /** Sends if the line is up; says whether it did. */
  send(message: object): boolean {
    if (this.state.phase !== "online" || this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  /** Ends a wait between attempts. */
  readonly retryNow = (): void => {
    if (this.state.phase === "waiting") void this.connect();
  };

  private async connect(): Promise<void> {
    const generation = ++this.generation;
    this.dropSocket();
    this.setState({ phase: "connecting" });
    try {
      const ticket = await this.world.takeTicket();
      if (generation === this.generation) this.open(ticket, generation);
    } catch (error) {
      if (generation !== this.generation) return;
      if (this.handlers.isRefusal(error)) this.setState({ phase: "refused" });
      else this.waitAndRetry(generation);
    }
  }

  private open(ticket: string, generation: number): void {
    const socket = this.world.openSocket(this.url);
    this.socket = socket;
    socket.onopen = () => {
      if (generation !== this.generation) return;
      socket.send(JSON.stringify({ type: "hello", ticket }));
      this.openedMs = this.lastHeardMs = this.world.nowMs();
      this.setState({ phase: "online" });
      this.pinger = setInterval(() => this.ping(generation), PING_EVERY_MS);
      this.ping(generation);
      this.handlers.onOpen();
    };
    socket.onmessage = (event: MessageEvent<string>) => {
      if (generation === this.generation) this.hear(event.data);
    };
    socket.onclose = () => {
      if (generation === this.generation) this.waitAndRetry(generation);
    };
  }

  private hear(data: string): void {
    this.lastHeardMs = this.world.nowMs();
    const message: unknown = JSON.parse(data);
    if (typeof message === "object" && message !== null && "type" in message && message.type === "pong") {
      if (this.pingSentMs !== null) this.setState({ roundTripMs: this.lastHeardMs - this.pingSentMs });
      this.pingSentMs = null;
      return;
    }
    this.handlers.onMessage(message);
  }

  private ping(generation: number): void {
    // Measured from an unanswered ping, not from the last message: timers of a hidden page run once a minute.
    const asked = this.pingSentMs;
    if (asked !== null && this.lastHeardMs < asked && this.world.nowMs() - asked > SILENT_AFTER_MS) {
      this.waitAndRetry(generation);
      return;
    }
    // Only a line that held counts as mended: one that the service cuts off at once is tried ever more slowly.
    if (this.state.attempt > 0 && this.world.nowMs() - this.openedMs >= PING_EVERY_MS / 2)
      this.setState({ attempt: 0 });
    this.pingSentMs ??= this.world.nowMs();
    this.send({ type: "ping" });
  }

  private waitAndRetry(generation: number): void {
    if (generation !== this.generation) return;
    this.dropSocket();
    const attempt = this.state.attempt + 1;
    this.setState({ phase: "waiting", attempt, roundTripMs: null });
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt - 1, 8));
    this.later(longest * (0.5 + this.world.random() / 2), () => {
      if (this.state.phase === "waiting" && generation === this.generation) void this.connect();
    });
  }

  private later(ms: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      action();
    }, ms);
    this.timers.add(timer);
  }

  private dropSocket(): void {
    if (this.pinger !== null) clearInterval(this.pinger);
    this.pinger = null;
    this.pingSentMs = null;
    const socket = this.socket;
    this.socket = null;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  private setState(change: Partial<LineState>): void {
    this.state = { ...this.state, ...change };
    this.handlers.onState(this.state);
  }
}
