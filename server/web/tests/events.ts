import type {
  Alert,
  Assistance,
  CallEnded,
  CallEvent,
  CallStarted,
  CaseRevision,
  ChecklistChange,
  FieldValue,
  Gap,
  Guidance,
  MaskingChange,
  PartialText,
  Quarantined,
  Speakers,
  Stages,
  Utterance,
  VoiceChange,
} from "../src/api/events";

export const CALL = "call-1";

/** Fields of an event to set in a test; the rest is filled in. */
type Some<T> = Partial<Omit<T, "type" | "v">> & { seq: number };

const base = (atMs: number) => ({ v: 1 as const, call_id: CALL, at_ms: atMs });

export const started = (event: Some<CallStarted> = { seq: 1 }): CallStarted => ({
  ...base(0),
  type: "call_started",
  started_at: "2026-04-01T01:00:00Z",
  channels: [
    { index: 0, role: "agent", source: "test" },
    { index: 1, role: "customer", source: "test" },
  ],
  external_ids: {},
  ...event,
});

export const utterance = (event: Some<Utterance>): Utterance => {
  const end = event.end_ms ?? event.seq * 1000 + 800;
  return {
    ...base(end),
    type: "utterance",
    speaker: "customer",
    utterance_id: `u${event.seq}`,
    start_ms: event.seq * 1000,
    end_ms: end,
    text: `発言${event.seq}`,
    words: [],
    model_id: "base",
    ...event,
  };
};

export const partial = (event: Some<PartialText>): PartialText => ({
  ...base(event.seq * 1000 + 300),
  type: "partial",
  speaker: "customer",
  utterance_id: "u-next",
  revision: 1,
  stable: "もし",
  unstable: "もし",
  ...event,
});

export const alert = (event: Some<Alert>): Alert => ({
  ...base(event.seq * 1000),
  type: "alert",
  alert_id: `a${event.seq}`,
  category: "verbal_abuse",
  severity: 2,
  harassment: true,
  rule_id: "abuse.fool",
  utterance_ids: [],
  quote: "このバカ",
  explanation: "人格を否定する言葉",
  ...event,
});

export const guidance = (event: Some<Guidance>): Guidance => ({
  ...base(event.seq * 1000),
  type: "guidance",
  guidance_id: `g${event.seq}`,
  stage: "step1",
  say: `言葉${event.seq}`,
  why: "理由",
  source: "手引き",
  playbook_version: "1.0.0",
  expires_ms: event.seq * 1000 + 60_000,
  ...event,
});

export const checklist = (event: Some<ChecklistChange> & { item: string }): ChecklistChange => ({
  ...base(event.seq * 1000),
  type: "checklist",
  done: true,
  utterance_id: "u1",
  ...event,
});

export const field = (value: string, change: Partial<FieldValue> = {}): FieldValue => ({
  value,
  confidence: 0.9,
  utterance_ids: ["u1"],
  confirmed: false,
  ...change,
});

export const caseRevision = (event: Some<CaseRevision>): CaseRevision => ({
  ...base(event.seq * 1000),
  type: "case",
  revision: event.seq,
  fields: {},
  end_state: "open",
  harassment_categories: [],
  demand_validity: "unknown",
  manner: "calm",
  ...event,
});

export const gap = (event: Some<Gap>): Gap => ({
  ...base(event.seq * 1000),
  type: "gap",
  channel: 1,
  start_ms: event.seq * 1000,
  duration_ms: 200,
  cause: "lost",
  ...event,
});

export const assistance = (event: Some<Assistance>): Assistance => ({
  ...base(event.seq * 1000),
  type: "assistance",
  level: "partials_reduced",
  ...event,
});

export const voice = (event: Some<VoiceChange>): VoiceChange => ({
  ...base(event.seq * 1000),
  type: "voice",
  speaker: "customer",
  raised: true,
  since_ms: event.seq * 1000 - 1500,
  level_db: 7.4,
  pitch_semitones: 3.1,
  ...event,
});

/** Stages that sum to `total_ms`; what is not given went into the decoder. */
export const stages = (totalMs: number, given: Partial<Stages> = {}): Stages => {
  const known = { arrive_ms: 0, vad_ms: 0, queue_ms: 0, encode_ms: 0, merge_ms: 0, deliver_ms: 0, ...given };
  const spent = Object.values(known).reduce((sum, ms) => sum + ms, 0);
  return { ...known, understand_ms: 0, decode_ms: totalMs - spent, total_ms: totalMs };
};

export const quarantined = (event: Some<Quarantined>): Quarantined => ({
  ...base(event.seq * 1000),
  type: "quarantined",
  speaker: "customer",
  start_ms: event.seq * 1000,
  end_ms: event.seq * 1000 + 500,
  text: "ご視聴ありがとうございました",
  reason: "silence",
  ...event,
});

export const ended = (event: Some<CallEnded>): CallEnded => ({
  ...base(60_000),
  type: "call_ended",
  duration_ms: 60_000,
  reason: "hangup",
  recording: { id: "r1", manifest_sha256: "0".repeat(64), path: "recordings/r1" },
  ledger: { channels: [] },
  latency: {
    partial: { p50: null, p95: null, p99: null, count: 0 },
    utterance: { p50: null, p95: null, p99: null, count: 0 },
    alert: { p50: null, p95: null, p99: null, count: 0 },
  },
  ...event,
});

/** One short call with every kind of event, numbered without holes. */
export const wholeCall = (): CallEvent[] => [
  started(),
  utterance({ seq: 2, speaker: "agent", text: "お電話ありがとうございます。" }),
  partial({ seq: 3, utterance_id: "u5" }),
  guidance({ seq: 4 }),
  utterance({ seq: 5, text: "頭おかしいんじゃねえのか、このバカ。" }),
  alert({ seq: 6, utterance_ids: ["u5"] }),
  guidance({ seq: 7, stage: "ladder1", alert_id: "a6" }),
  caseRevision({ seq: 8, fields: { customer_name: field("小野寺") } }),
  gap({ seq: 9 }),
  quarantined({ seq: 10 }),
  checklist({ seq: 11, item: "ladder1" }),
  caseRevision({ seq: 12, fields: { customer_name: field("小野寺剛") } }),
  assistance({ seq: 13 }),
  assistance({ seq: 14, level: "normal" }),
  voice({ seq: 15 }),
  voice({ seq: 16, raised: false }),
  ended({ seq: 17 }),
];

export const speakers = (event: Some<Speakers>): Speakers => ({
  ...base(event.seq * 1000),
  type: "speakers",
  utterance_id: "0-0",
  runs: [{ speaker: "S1", start_ms: 0, end_ms: 800, text: "もしもし" }],
  ...event,
});

export const masking = (event: Some<MaskingChange>): MaskingChange => ({
  ...base(event.seq * 1000),
  type: "masking",
  masked: true,
  reason: "button",
  ...event,
});
