import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { CallEvent } from "../src/api/events";
import { fieldView } from "../src/live/caseEdits";
import { DeskLine, type DeskWorld } from "../src/live/deskLine";
import { CALL, caseRevision, field, partial, started, utterance, wholeCall } from "./events";

/** The service's end of a socket. */
class FakeSocket {
  readyState: number = WebSocket.CONNECTING;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  sent: Record<string, unknown>[] = [];

  send(text: string) {
    const message = JSON.parse(text) as Record<string, unknown>;
    this.sent.push(message);
    if (message["type"] === "ping" && this.answersPings) this.say({ type: "pong" });
  }
  answersPings = true;
  close() {
    this.readyState = WebSocket.CLOSED;
  }
  open() {
    this.readyState = WebSocket.OPEN;
    this.onopen?.();
  }
  say(message: object) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  drop() {
    this.readyState = WebSocket.CLOSED;
    this.onclose?.();
  }
  of(type: string) {
    return this.sent.filter((message) => message["type"] === type);
  }
}

class Refusal extends Error {}

let sockets: FakeSocket[] = [];
let tickets: (() => Promise<string>)[] = [];
let ids = 0;
const getEvents = vi.fn<DeskWorld["getEvents"]>();
const patchCase = vi.fn<DeskWorld["patchCase"]>();

function makeLine(): DeskLine {
  const world: DeskWorld = {
    openSocket: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
    takeTicket: () => (tickets.shift() ?? (() => Promise.resolve("ticket")))(),
    nowMs: () => Date.now(),
    random: () => 1,
    storage: sessionStorage,
    newId: () => `e${++ids}`,
    getEvents,
    patchCase,
    isRefusal: (error) => error instanceof Refusal,
    isDenial: (error) => error instanceof Refusal,
  };
  return new DeskLine(world, "ws://desk");
}

const newest = () => sockets.at(-1) ?? new FakeSocket();
const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

async function opened(line: DeskLine): Promise<FakeSocket> {
  line.start();
  await settle();
  newest().open();
  await settle();
  return newest();
}

const stateOf = (line: DeskLine) => line.getSnapshot().calls.get(CALL);
const editsOf = (line: DeskLine) => {
  const edits = line.getSnapshot().edits.get(CALL);
  if (edits === undefined) throw new Error("expected the call to be followed");
  return edits;
};

let line: DeskLine;

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  tickets = [];
  ids = 0;
  getEvents.mockReset();
  patchCase.mockReset();
  line = makeLine();
});

afterEach(() => {
  line.stop();
  vi.useRealTimers();
});

describe("the line", () => {
  test("says hello with its ticket and asks for the call from where it stands", async () => {
    line.follow(CALL);
    const socket = await opened(line);
    expect(socket.sent[0]).toEqual({ type: "hello", ticket: "ticket" });
    expect(socket.of("subscribe")).toEqual([{ type: "subscribe", call_id: CALL, after_seq: 0 }]);
    expect(line.getSnapshot().line.phase).toBe("online");
  });

  test("goes on after a break from the last event, and nothing is lost or doubled", async () => {
    line.follow(CALL);
    const first = await opened(line);
    const all = wholeCall();
    for (const event of all.slice(0, 6)) first.say(event);
    first.drop();
    expect(line.getSnapshot().line.phase).toBe("waiting");
    await settle(500);
    newest().open();
    await settle();
    expect(newest().of("subscribe")).toEqual([{ type: "subscribe", call_id: CALL, after_seq: 6 }]);
    for (const event of all.slice(4)) newest().say(event);
    expect(stateOf(line)?.utterances).toHaveLength(2);
    expect(stateOf(line)?.alerts).toHaveLength(1);
    expect(stateOf(line)?.ended?.seq).toBe(17);
    expect(stateOf(line)?.contiguousSeq).toBe(17);
  });

  test("waits longer from try to try, and not at all once the network is back", async () => {
    tickets = Array.from({ length: 3 }, () => () => Promise.reject(new Error("down")));
    line.start();
    await settle();
    expect(line.getSnapshot().line).toMatchObject({ phase: "waiting", attempt: 1 });
    await settle(400);
    expect(line.getSnapshot().line.attempt).toBe(2);
    await settle(700);
    expect(line.getSnapshot().line.attempt).toBe(2);
    await settle(100);
    expect(line.getSnapshot().line.attempt).toBe(3);
    window.dispatchEvent(new Event("online"));
    await settle();
    expect(sockets).toHaveLength(1);
  });

  test("takes silence after a ping for a break", async () => {
    const socket = await opened(line);
    socket.answersPings = false;
    await settle(25_000);
    expect(sockets.length).toBeGreaterThan(1);
  });

  test("stops asking when nobody is signed in any more", async () => {
    tickets = [() => Promise.reject(new Refusal())];
    line.start();
    await settle(60_000);
    expect(line.getSnapshot().line.phase).toBe("refused");
    expect(sockets).toHaveLength(0);
  });

  test("lists the agent's live calls, and remembers calls that are not shown to this person", async () => {
    const socket = await opened(line);
    socket.say({ type: "calls", items: [{ call_id: CALL, state: "live" }] });
    socket.say({ type: "error", code: "not-allowed", detail: "", call_id: "other" });
    expect(line.getSnapshot().liveCalls?.map((call) => call.call_id)).toEqual([CALL]);
    expect(line.getSnapshot().refused.has("other")).toBe(true);
  });

  test("passes over messages of a later version", async () => {
    line.follow(CALL);
    const socket = await opened(line);
    socket.say({ type: "sentiment", call_id: CALL, seq: 1 });
    socket.say({ type: "calls-v2" });
    expect(stateOf(line)?.contiguousSeq).toBe(0);
  });

  test("ends a subscription when the last reader leaves", async () => {
    const leave = line.follow(CALL);
    const leaveToo = line.follow(CALL);
    const socket = await opened(line);
    leave();
    expect(socket.of("unsubscribe")).toEqual([]);
    leaveToo();
    expect(socket.of("unsubscribe")).toEqual([{ type: "unsubscribe", call_id: CALL }]);
  });
});

describe("numbers that are missing", () => {
  test("in a replay were partials, which are not kept", async () => {
    line.follow(CALL);
    const socket = await opened(line);
    for (const event of [started(), utterance({ seq: 4 }), utterance({ seq: 9 })]) socket.say(event);
    await settle(10_000);
    expect(stateOf(line)?.contiguousSeq).toBe(9);
    expect(getEvents).not.toHaveBeenCalled();
  });

  test("in a running call are asked for, once, and taken in", async () => {
    const kept: CallEvent[] = [utterance({ seq: 3 }), utterance({ seq: 5 })];
    getEvents.mockResolvedValue({ items: kept, next_after_seq: null });
    line.follow(CALL);
    const socket = await opened(line);
    socket.say(started());
    socket.say(partial({ seq: 2 }));
    await settle(4_000);
    socket.say(utterance({ seq: 5 }));
    socket.say(partial({ seq: 6, utterance_id: "u7" }));
    await settle(5_000);
    expect(getEvents.mock.calls).toEqual([[CALL, 2]]);
    expect(stateOf(line)?.utterances.map((said) => said.seq)).toEqual([3, 5]);
    expect(stateOf(line)?.contiguousSeq).toBe(6);
  });
});

describe("the agent's edits", () => {
  const shown = (name: string) => fieldView(editsOf(line), name, stateOf(line)?.caseRevision?.fields[name]);

  test("are sent, acknowledged and then shown by the case itself", async () => {
    line.follow(CALL);
    const socket = await opened(line);
    socket.say(started());
    line.type(CALL, "demand", "返金");
    line.save(CALL);
    expect(socket.of("edit")).toEqual([
      { type: "edit", call_id: CALL, edit_id: "e1", values: { demand: "返金" } },
    ]);
    socket.say({ type: "edited", edit_id: "e1", ok: true });
    socket.say(caseRevision({ seq: 2, fields: { demand: field("返金", { confirmed: true }) } }));
    expect(editsOf(line)).toMatchObject({ drafts: {}, pending: [], taken: {} });
    expect(shown("demand")).toMatchObject({ text: "返金", status: "confirmed" });
  });

  test("whose case came before the acknowledgement end all the same", async () => {
    line.follow(CALL);
    const socket = await opened(line);
    line.type(CALL, "demand", "返金");
    line.save(CALL);
    socket.say(caseRevision({ seq: 1, fields: { demand: field("返金", { confirmed: true }) } }));
    socket.say({ type: "edited", edit_id: "e1", ok: true });
    expect(editsOf(line).taken).toEqual({});
  });

  test("are never overwritten while being typed", async () => {
    line.follow(CALL);
    const socket = await opened(line);
    line.type(CALL, "demand", "返");
    socket.say(caseRevision({ seq: 1, fields: { demand: field("交換") } }));
    expect(shown("demand")).toMatchObject({ text: "返", status: "typing" });
  });

  test("that a break left unanswered are sent again under the same name", async () => {
    line.follow(CALL);
    const first = await opened(line);
    line.type(CALL, "demand", "返金");
    line.save(CALL);
    first.drop();
    line.type(CALL, "when", "昨日");
    line.save(CALL);
    await settle(500);
    newest().open();
    await settle();
    expect(
      newest()
        .of("edit")
        .map((edit) => edit["edit_id"]),
    ).toEqual(["e1", "e2"]);
  });

  test("survive a reload, typed or on their way", async () => {
    line.follow(CALL);
    await opened(line);
    line.type(CALL, "demand", "返金");
    line.save(CALL);
    line.type(CALL, "when", "昨日");
    line.stop();
    line = makeLine();
    line.follow(CALL);
    const socket = await opened(line);
    expect(socket.of("edit").map((edit) => edit["values"])).toEqual([{ demand: "返金" }]);
    expect(shown("when")).toMatchObject({ text: "昨日", status: "typing" });
  });

  test("after the call go to the stored case", async () => {
    patchCase.mockResolvedValue({
      call_id: CALL,
      revision: 99,
      updated_at: null,
      fields: { conclusion: field("終話", { confirmed: true }) },
      end_state: "open",
      harassment_categories: [],
      demand_validity: "unknown",
      manner: "calm",
    });
    line.follow(CALL);
    const socket = await opened(line);
    for (const event of wholeCall()) socket.say(event);
    line.type(CALL, "conclusion", "終話");
    line.save(CALL);
    await settle();
    expect(patchCase.mock.calls).toEqual([[CALL, { conclusion: "終話" }]]);
    expect(shown("conclusion")).toMatchObject({ text: "終話", status: "confirmed" });
  });

  test("that the service refuses come back as drafts", async () => {
    line.follow(CALL);
    const socket = await opened(line);
    line.type(CALL, "demand", "返金");
    line.save(CALL);
    socket.say({ type: "edited", edit_id: "e1", ok: false, code: "request-invalid" });
    expect(shown("demand")).toMatchObject({ text: "返金", status: "refused" });
  });
});
