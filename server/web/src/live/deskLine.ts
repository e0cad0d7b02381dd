import type { CallEvent, CaseRevision } from "../api/events";
import { isCallEvent } from "../api/events";
import type { CallSummary, CaseRecord } from "../api/types";
import { callState, emptyCall, missingFrom, settleUpTo, type CallState } from "./callState";
import {
  acknowledged,
  discarded,
  loadEdits,
  NO_EDITS,
  reconciled,
  saved,
  storeEdits,
  typed,
  type EditState,
} from "./caseEdits";
import { LiveSocket, type LineState, type LineWorld } from "./liveSocket";

export interface DeskWorld extends LineWorld {
  storage: Storage;
  newId: () => string;
  getEvents: (
    callId: string,
    afterSeq: number,
  ) => Promise<{ items: CallEvent[]; next_after_seq: number | null }>;
  patchCase: (callId: string, values: Record<string, string>) => Promise<CaseRecord>;
  isRefusal: (error: unknown) => boolean;
  /** Whether the service looked at an edit and said no, as against not having been reached. */
  isDenial: (error: unknown) => boolean;
}

/** What the socket says besides events; anything else is of a later version and passed over. */
type DeskReply =
  | { type: "calls"; items: CallSummary[] }
  | { type: "edited"; edit_id: string; ok: boolean }
  | { type: "error"; code: string; call_id?: string | null };

/** All a page shows of the live side; a new object whenever anything in it changed. */
export interface DeskSnapshot {
  line: LineState;
  /** The signed-in agent's live calls; null until the service has said. */
  liveCalls: readonly CallSummary[] | null;
  calls: ReadonlyMap<string, CallState>;
  edits: ReadonlyMap<string, EditState>;
  /** Calls that the service does not know or does not show to this person. */
  refused: ReadonlySet<string>;
}

/** Right after a subscription the service replays what it keeps, and numbers missing there were partials. */
const REPLAY_MS = 3_000;
const REPAIR_AFTER_MS = 1_500;
const NOTIFY_MS = 25;

/** The desk's side of `/ws/desk`: follows calls without loss or duplicate, and carries the agent's edits. */
export class DeskLine {
  private snapshot: DeskSnapshot = {
    line: { phase: "connecting", roundTripMs: null, attempt: 0 },
    liveCalls: null,
    calls: new Map(),
    edits: new Map(),
    refused: new Set(),
  };
  private readonly socket: LiveSocket;
  private readonly listeners = new Set<() => void>();
  private readonly followed = new Map<string, number>();
  private readonly subscribedAt = new Map<string, number>();
  private readonly repairing = new Set<string>();
  private notifyTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly world: DeskWorld,
    url: string,
  ) {
    this.socket = new LiveSocket(url, world, {
      onOpen: () => this.resume(),
      onMessage: (message) => this.hear(message),
      onState: (line) => this.update({ line }),
      isRefusal: (error) => world.isRefusal(error),
    });
  }

  start(): void {
    this.socket.start();
  }

  stop(): void {
    this.socket.stop();
    if (this.notifyTimer !== null) clearTimeout(this.notifyTimer);
    this.notifyTimer = null;
  }

  retryNow(): void {
    this.socket.retryNow();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly getSnapshot = (): DeskSnapshot => this.snapshot;

  /** Keeps a call up to date until the returned function is called. */
  follow(callId: string): () => void {
    const readers = this.followed.get(callId) ?? 0;
    this.followed.set(callId, readers + 1);
    if (!this.snapshot.calls.has(callId)) {
      this.setCall(emptyCall(callId));
      this.setEdits(callId, loadEdits(this.world.storage, callId));
    }
    if (readers === 0) {
      this.ask(callId);
      this.sendEdits(callId);
    }
    return () => {
      const left = (this.followed.get(callId) ?? 1) - 1;
      if (left > 0) this.followed.set(callId, left);
      else this.unfollow(callId);
    };
  }

  type(callId: string, field: string, text: string): void {
    this.setEdits(callId, typed(this.editsOf(callId), field, text));
  }

  discard(callId: string, field: string): void {
    this.setEdits(callId, discarded(this.editsOf(callId), field));
  }

  /** Saves drafts, all of them or one field's. */
  save(callId: string, fields?: readonly string[]): void {
    const result = saved(this.editsOf(callId), this.world.newId(), fields);
    if (result === null) return;
    this.setEdits(callId, result.state);
    this.sendEdits(callId);
  }

  /** Takes over a case read by HTTP, which may be newer than the call's last event. */
  adoptCase(record: CaseRecord): void {
    const call = this.snapshot.calls.get(record.call_id);
    if (call === undefined || (call.caseRevision?.revision ?? -1) > record.revision) return;
    const seq = call.caseRevision?.seq ?? 0;
    const revision: CaseRevision = { ...record, v: 1, type: "case", seq, at_ms: call.mediaMs };
    this.setCall({ ...call, caseRevision: revision });
    this.setEdits(record.call_id, reconciled(this.editsOf(record.call_id), record.fields));
  }

  private unfollow(callId: string): void {
    this.followed.delete(callId);
    this.socket.send({ type: "unsubscribe", call_id: callId });
  }

  private resume(): void {
    for (const callId of this.followed.keys()) {
      this.ask(callId);
      this.sendEdits(callId);
    }
  }

  private ask(callId: string): void {
    const call = this.snapshot.calls.get(callId) ?? emptyCall(callId);
    this.subscribedAt.set(callId, this.world.nowMs());
    this.socket.send({ type: "subscribe", call_id: callId, after_seq: call.contiguousSeq });
  }

  private sendEdits(callId: string): void {
    const over = this.snapshot.calls.get(callId)?.ended != null;
    for (const edit of this.editsOf(callId).pending) {
      if (over) void this.patch(callId, edit.editId, edit.values);
      else this.socket.send({ type: "edit", call_id: callId, values: edit.values, edit_id: edit.editId });
    }
  }

  /** After the call its engine is gone, and edits go to the stored case. */
  private async patch(
    callId: string,
    editId: string,
    values: Readonly<Record<string, string>>,
  ): Promise<void> {
    try {
      const record = await this.world.patchCase(callId, { ...values });
      this.settleEdit(callId, editId, true);
      this.adoptCase(record);
    } catch (error) {
      if (this.world.isDenial(error)) this.settleEdit(callId, editId, false);
    }
  }

  private hear(message: unknown): void {
    if (isCallEvent(message)) {
      this.apply(message);
      return;
    }
    const reply = message as DeskReply;
    switch (reply.type) {
      case "calls":
        this.update({ liveCalls: reply.items });
        break;
      case "edited":
        for (const [callId, edits] of this.snapshot.edits) {
          if (edits.pending.some((edit) => edit.editId === reply.edit_id)) {
            this.settleEdit(callId, reply.edit_id, reply.ok);
          }
        }
        break;
      case "error":
        if (reply.call_id != null)
          this.update({ refused: new Set(this.snapshot.refused).add(reply.call_id) });
        break;
    }
  }

  private apply(event: CallEvent): void {
    const before = this.snapshot.calls.get(event.call_id);
    if (before === undefined) return;
    let after = callState(before, event);
    if (missingFrom(after) !== null && this.isReplaying(event.call_id)) after = settleUpTo(after, event.seq);
    if (after === before) return;
    this.setCall(after);
    if (event.type === "case") {
      this.setEdits(event.call_id, reconciled(this.editsOf(event.call_id), event.fields));
    } else if (event.type === "call_ended") {
      this.sendEdits(event.call_id);
    }
    if (missingFrom(after) !== null) void this.repair(event.call_id);
  }

  private isReplaying(callId: string): boolean {
    return this.world.nowMs() - (this.subscribedAt.get(callId) ?? 0) < REPLAY_MS;
  }

  /** Numbers are missing in a running stream: asks for what the service keeps and settles what it does not. */
  private async repair(callId: string): Promise<void> {
    if (this.repairing.has(callId)) return;
    this.repairing.add(callId);
    try {
      await new Promise((resolve) => setTimeout(resolve, REPAIR_AFTER_MS));
      const call = this.snapshot.calls.get(callId);
      if (call === undefined || missingFrom(call) === null) return;
      const { items } = await this.world.getEvents(callId, call.contiguousSeq);
      const current = this.snapshot.calls.get(callId) ?? call;
      const last = items.at(-1);
      if (last !== undefined) this.setCall(settleUpTo(items.reduce(callState, current), last.seq));
    } catch {
      // The line is down or overloaded; the next event or subscription tries again.
    } finally {
      this.repairing.delete(callId);
    }
  }

  private settleEdit(callId: string, editId: string, ok: boolean): void {
    const edits = acknowledged(this.editsOf(callId), editId, ok);
    const fields = this.snapshot.calls.get(callId)?.caseRevision?.fields ?? {};
    // The case may have come before the acknowledgement; ours is in it only if it says the same.
    const shown = Object.keys(edits.taken).every((field) => fields[field]?.value === edits.taken[field]);
    this.setEdits(callId, shown ? reconciled(edits, fields) : edits);
  }

  private editsOf(callId: string): EditState {
    return this.snapshot.edits.get(callId) ?? NO_EDITS;
  }

  private setEdits(callId: string, state: EditState): void {
    if (this.snapshot.edits.get(callId) === state) return;
    storeEdits(this.world.storage, callId, state);
    this.update({ edits: new Map(this.snapshot.edits).set(callId, state) }, true);
  }

  private setCall(state: CallState): void {
    this.update({ calls: new Map(this.snapshot.calls).set(state.callId, state) });
  }

  private update(change: Partial<DeskSnapshot>, now = false): void {
    this.snapshot = { ...this.snapshot, ...change };
    if (now) this.notify();
    // A replay brings hundreds of events at once; one redraw serves them all.
    else this.notifyTimer ??= setTimeout(() => this.notify(), NOTIFY_MS);
  }

  private notify(): void {
    if (this.notifyTimer !== null) clearTimeout(this.notifyTimer);
    this.notifyTimer = null;
    for (const listener of this.listeners) listener();
  }
}
