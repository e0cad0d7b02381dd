import type { components } from "./schema";

type Schemas = components["schemas"];

export type User = Schemas["User"];
export type UserRole = User["role"];
export type LastAlert = Schemas["LastAlert"];
export type CallSummary = Schemas["CallSummary"];
export type CallPage = Schemas["CallPage"];
export type EventPage = Schemas["EventPage"];
export type CaseRecord = Schemas["Case"];
export type QueueFigures = Schemas["QueueFigures"];
export type Wallboard = Schemas["Wallboard"];
export type SearchHit = Schemas["SearchHit"];
export type RecordingSummary = Schemas["RecordingSummary"];
export type RecordingPage = Schemas["RecordingPage"];
export type RecordingDetail = Schemas["RecordingDetail"];
export type RecordedUtterance = Schemas["TranscriptUtterance"];
export type RecordedAlert = Schemas["TranscriptAlert"];
export type RecordedGap = Schemas["TranscriptGap"];
export type RecordingAccess = Schemas["Access"];
export type AccessGrant = Schemas["AccessGrant"];
export type Waveform = Schemas["Waveform"];
export type VerifyResult = Schemas["VerifyAnswer"];
export type WsTicket = Schemas["WsTicket"];
export type Playbook = Schemas["PlaybookTexts"];
export type RuleText = Schemas["RuleText"];
export type PlaybookItem = Schemas["ChecklistItem"];
