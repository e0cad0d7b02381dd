import { request } from "./client";
import type {
  AccessGrant,
  CallPage,
  CallSummary,
  CaseRecord,
  EventPage,
  LadderApproval,
  MaskingState,
  Playbook,
  RecordingDetail,
  RecordingPage,
  RuleText,
  Softphones,
  TrunkList,
  User,
  VerifyResult,
  Wallboard,
  Waveform,
  WsTicket,
} from "./types";

const id = encodeURIComponent;

export const getSession = (): Promise<User> => request("/session");
export const signIn = (username: string, password: string): Promise<User> =>
  request("/session", { method: "POST", body: { username, password } });
export const signOut = (): Promise<void> => request("/session", { method: "DELETE" });
export const takeTicket = async (): Promise<string> =>
  (await request<WsTicket>("/ws-tickets", { method: "POST" })).ticket;

export const listSoftphones = (): Promise<Softphones> => request("/softphones");
export const listCalls = (state: "live" | "ended" | "all", limit: number): Promise<CallPage> =>
  request("/calls", { query: { state, limit } });
export const getCall = (callId: string): Promise<CallSummary> => request(`/calls/${id(callId)}`);
export const getEvents = (callId: string, afterSeq: number): Promise<EventPage> =>
  request(`/calls/${id(callId)}/events`, { query: { after_seq: afterSeq } });
export const askHelp = (callId: string): Promise<void> =>
  request(`/calls/${id(callId)}/help`, { method: "POST" });
export const withdrawHelp = (callId: string): Promise<void> =>
  request(`/calls/${id(callId)}/help`, { method: "DELETE" });

/** Keeps the call's sound and words out from now on; asked again, for as long from then. */
export const startMasking = (callId: string, seconds?: number): Promise<MaskingState> =>
  request(`/calls/${id(callId)}/masking`, {
    method: "POST",
    body: seconds === undefined ? {} : { seconds },
  });
export const stopMasking = (callId: string): Promise<MaskingState> =>
  request(`/calls/${id(callId)}/masking`, { method: "DELETE" });

export const approveEnding = (callId: string): Promise<LadderApproval> =>
  request(`/calls/${id(callId)}/ladder/approval`, { method: "POST" });

export const getCase = (callId: string): Promise<CaseRecord> => request(`/cases/${id(callId)}`);
export const patchCase = (callId: string, values: Record<string, string>): Promise<CaseRecord> =>
  request(`/cases/${id(callId)}`, { method: "PATCH", body: { values } });
export const getPlaybook = (locale: string): Promise<Playbook> => request("/playbook", { query: { locale } });
/** The rule behind an alert, as it stood when the alert came. */
export const getAlertRule = (callId: string, alertId: string): Promise<RuleText> =>
  request(`/calls/${id(callId)}/alerts/${id(alertId)}/rule`);

export const listTrunks = (): Promise<TrunkList> => request("/trunks");
export const getWallboard = (): Promise<Wallboard> => request("/wallboard");

/** Search terms; days are local dates, `2026-04-01`, both included. */
export interface RecordingQuery {
  person: string;
  number: string;
  from: string;
  to: string;
  words: string;
}

export const searchRecordings = (query: RecordingQuery, cursor: string | null): Promise<RecordingPage> =>
  request("/recordings", {
    query: {
      person: query.person.trim(),
      number: query.number.trim(),
      words: query.words.trim(),
      from: dayStart(query.from, 0),
      to: dayStart(query.to, 1),
      cursor: cursor ?? undefined,
      limit: 30,
    },
  });
export const getRecording = (recordingId: string): Promise<RecordingDetail> =>
  request(`/recordings/${id(recordingId)}`);
export const getWaveform = (recordingId: string, points: number): Promise<Waveform> =>
  request(`/recordings/${id(recordingId)}/waveform`, { query: { points } });
export const openAudio = (recordingId: string, purpose: string): Promise<AccessGrant> =>
  request(`/recordings/${id(recordingId)}/accesses`, { method: "POST", body: { purpose, action: "play" } });
export const verifyRecording = (recordingId: string, purpose: string): Promise<VerifyResult> =>
  request(`/recordings/${id(recordingId)}/verify`, { method: "POST", body: { purpose } });

/** The local midnight that begins a day, `daysLater` on, as an instant. */
export function dayStart(day: string, daysLater: number): string | undefined {
  const [year, month, date] = day.split("-").map(Number);
  if (year === undefined || month === undefined || date === undefined) return undefined;
  const at = new Date(year, month - 1, date + daysLater);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}
