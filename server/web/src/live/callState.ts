import type {
  Alert,
  AlertReview,
  Approval,
  Assistance,
  CallEnded,
  CallEvent,
  CallStarted,
  CallUpdated,
  CaseRevision,
  Gap,
  Guidance,
  History,
  MaskingChange,
  PartialText,
  Quarantined,
  Repetition,
  Speakers,
  Utterance,
  VoiceChange,
} from "../api/events";

/** An item of the checklist as last heard. */
export interface ChecklistState {
  done: boolean;
  utteranceId: string | null;
  atMs: number;
  seq: number;
}

/**
 * Everything known of one call. Built only by `callState`, so any two readers that saw the same events, in whatever
 * order and however often, hold the same state.
 */
export interface CallState {
  callId: string;
  /** Highest event number such that it and all before it are applied or known not to be kept. */
  contiguousSeq: number;
  /** Numbers above `contiguousSeq` that are applied; not empty means events are missing in between. */
  ahead: ReadonlySet<number>;
  started: CallStarted | null;
  ended: CallEnded | null;
  /** What the phone system told after the call began, oldest first. */
  updates: readonly CallUpdated[];
  utterances: readonly Utterance[];
  /** By utterance: who said which part of it, where one channel carries several people. */
  speakers: Readonly<Record<string, Speakers>>;
  partials: readonly PartialText[];
  quarantined: readonly Quarantined[];
  gaps: readonly Gap[];
  alerts: readonly Alert[];
  /** By alert: what a third opinion thinks of it. */
  reviews: Readonly<Record<string, AlertReview>>;
  repetitions: readonly Repetition[];
  /** Earlier calls of the person on the line; null until it is known who calls. */
  history: History | null;
  guidance: readonly Guidance[];
  checklist: Readonly<Record<string, ChecklistState>>;
  /** A supervisor's approval of ending the call, once given. */
  approval: Approval | null;
  caseRevision: CaseRevision | null;
  /** Newest media time any event spoke of. */
  mediaMs: number;
  /** What the recogniser last said it sheds; null until it says anything. */
  assistance: Assistance | null;
  /** What was last said of masking; null while nothing was ever masked. */
  masking: MaskingChange | null;
  /** What was last said of the loudness of the caller's voice; null until it rose for the first time. */
  voice: VoiceChange | null;
}

export function emptyCall(callId: string): CallState {
  return {
    callId,
    contiguousSeq: 0,
    ahead: new Set(),
    started: null,
    ended: null,
    updates: [],
    utterances: [],
    speakers: {},
    partials: [],
    quarantined: [],
    gaps: [],
    alerts: [],
    reviews: {},
    repetitions: [],
    history: null,
    guidance: [],
    checklist: {},
    approval: null,
    caseRevision: null,
    mediaMs: 0,
    assistance: null,
    masking: null,
    voice: null,
  };
}

/** The first event number that is missing while later ones have come; null when nothing is. */
export function missingFrom(state: CallState): number | null {
  return state.ahead.size > 0 ? state.contiguousSeq + 1 : null;
}

/**
 * Applies one event. Duplicates and events of other calls change nothing. Partials are never stored by the service,
 * so a partial only advances the numbering and an old one never replaces newer text.
 */
export function callState(state: CallState, event: CallEvent): CallState {
  if (event.call_id !== state.callId || hasSeen(state, event.seq)) return state;
  const counted = markSeen(state, event.seq);
  return applyEvent({ ...counted, mediaMs: Math.max(state.mediaMs, event.at_ms) }, event);
}

export function applyAll(state: CallState, events: readonly CallEvent[]): CallState {
  return events.reduce(callState, state);
}

/**
 * Says that all events up to `seq` that the service keeps have been asked for and applied. What is still missing below
 * it were partials, which are live only.
 */
export function settleUpTo(state: CallState, seq: number): CallState {
  if (seq <= state.contiguousSeq) return state;
  return absorb({ ...state, contiguousSeq: seq });
}

function hasSeen(state: CallState, seq: number): boolean {
  return seq <= state.contiguousSeq || state.ahead.has(seq);
}

function markSeen(state: CallState, seq: number): CallState {
  if (seq === state.contiguousSeq + 1) return absorb({ ...state, contiguousSeq: seq });
  return { ...state, ahead: new Set(state.ahead).add(seq) };
}

function absorb(state: CallState): CallState {
  if (state.ahead.size === 0) return state;
  let upTo = state.contiguousSeq;
  while (state.ahead.has(upTo + 1)) upTo += 1;
  const ahead = new Set([...state.ahead].filter((seq) => seq > upTo));
  return { ...state, contiguousSeq: upTo, ahead };
}

type Apply = {
  [T in CallEvent["type"]]: (state: CallState, event: Extract<CallEvent, { type: T }>) => CallState;
};

const APPLY: Apply = {
  call_started: (state, event) => ({ ...state, started: event }),
  call_updated: (state, event) => ({ ...state, updates: insertBySeq(state.updates, event) }),
  partial: (state, event) => ({ ...state, partials: withPartial(state, event) }),
  utterance: withUtterance,
  speakers: withSpeakers,
  quarantined: (state, event) => ({
    ...state,
    quarantined: insertByStart(state.quarantined, event),
    partials: withoutPartials(state.partials, event.speaker, event.seq),
  }),
  alert: (state, event) => ({ ...state, alerts: insertBySeq(state.alerts, event) }),
  alert_review: (state, event) => ({
    ...state,
    reviews: { ...state.reviews, [event.alert_id]: newer(state.reviews[event.alert_id] ?? null, event) },
  }),
  repetition: (state, event) => ({ ...state, repetitions: insertBySeq(state.repetitions, event) }),
  history: (state, event) => ({ ...state, history: newer(state.history, event) }),
  guidance: (state, event) => ({ ...state, guidance: insertBySeq(state.guidance, event) }),
  checklist: withChecklist,
  approval: (state, event) => ({ ...state, approval: newer(state.approval, event) }),
  case: (state, event) => ({ ...state, caseRevision: newer(state.caseRevision, event) }),
  gap: (state, event) => ({ ...state, gaps: insertByStart(state.gaps, event) }),
  masking: (state, event) => ({ ...state, masking: newer(state.masking, event) }),
  assistance: (state, event) => ({ ...state, assistance: newer(state.assistance, event) }),
  voice: (state, event) => ({ ...state, voice: newer(state.voice, event) }),
  call_ended: (state, event) => ({
    ...state,
    ended: event,
    partials: [],
    mediaMs: Math.max(state.mediaMs, event.duration_ms),
  }),
};

function applyEvent(state: CallState, event: CallEvent): CallState {
  const apply = APPLY[event.type] as (state: CallState, event: CallEvent) => CallState;
  return apply(state, event);
}

function newer<T extends { seq: number }>(before: T | null, event: T): T {
  return before !== null && before.seq > event.seq ? before : event;
}

function withPartial(state: CallState, event: PartialText): readonly PartialText[] {
  if (isSettled(state, event)) return state.partials;
  const others = state.partials.filter((partial) => partial.speaker !== event.speaker);
  return [...others, event].sort((a, b) => a.speaker.localeCompare(b.speaker));
}

/** Whether what a partial speaks of has already come as final text, or was not believed, or has newer running text. */
function isSettled(state: CallState, partial: PartialText): boolean {
  return (
    state.ended !== null ||
    state.utterances.some((utterance) => settles(utterance, partial)) ||
    state.quarantined.some((other) => other.speaker === partial.speaker && other.seq > partial.seq) ||
    state.partials.some((other) => other.speaker === partial.speaker && other.seq > partial.seq)
  );
}

function settles(utterance: Utterance, partial: PartialText): boolean {
  return (
    utterance.utterance_id === partial.utterance_id ||
    (utterance.speaker === partial.speaker && utterance.end_ms >= partial.at_ms)
  );
}

function withUtterance(state: CallState, event: Utterance): CallState {
  return {
    ...state,
    utterances: insertByStart(state.utterances, event),
    partials: state.partials.filter((partial) => !settles(event, partial)),
  };
}

function withSpeakers(state: CallState, event: Speakers): CallState {
  const found = newer(state.speakers[event.utterance_id] ?? null, event);
  return { ...state, speakers: { ...state.speakers, [event.utterance_id]: found } };
}

/** Drops the running text of a speaker once a later event has settled that stretch. */
function withoutPartials(
  partials: readonly PartialText[],
  speaker: string,
  seq: number,
): readonly PartialText[] {
  return partials.filter((partial) => partial.speaker !== speaker || partial.seq > seq);
}

function withChecklist(state: CallState, event: Extract<CallEvent, { type: "checklist" }>): CallState {
  const before = state.checklist[event.item];
  if (before !== undefined && before.seq > event.seq) return state;
  const item = {
    done: event.done,
    utteranceId: event.utterance_id ?? null,
    atMs: event.at_ms,
    seq: event.seq,
  };
  return { ...state, checklist: { ...state.checklist, [event.item]: item } };
}

function insertBySeq<T extends { seq: number }>(list: readonly T[], item: T): readonly T[] {
  return insert(list, item, (a, b) => a.seq - b.seq);
}

function insertByStart<T extends { start_ms: number; seq: number }>(
  list: readonly T[],
  item: T,
): readonly T[] {
  return insert(list, item, (a, b) => a.start_ms - b.start_ms || a.seq - b.seq);
}

/** Inserts from the end, since new events nearly always go last. */
function insert<T>(list: readonly T[], item: T, compare: (a: T, b: T) => number): readonly T[] {
  let at = list.length;
  while (at > 0 && compare(list[at - 1] as T, item) > 0) at -= 1;
  return [...list.slice(0, at), item, ...list.slice(at)];
}
