// The events of the public contract, version 1, as the service puts them on /ws/desk.
import type { components } from "./schema";

type Schemas = components["schemas"];

export type CallStarted = Schemas["CallStartedEvent"];
export type CallUpdated = Schemas["CallUpdatedEvent"];
export type PartialText = Schemas["PartialEvent"];
export type Word = Schemas["WireWord"];
export type Utterance = Schemas["UtteranceEvent"];
export type Speakers = Schemas["SpeakersEvent"];
export type SpeakerRun = Schemas["WireSpeakerRun"];
export type Quarantined = Schemas["QuarantinedEvent"];
export type Alert = Schemas["AlertEvent"];
export type Repetition = Schemas["RepetitionEvent"];
export type History = Schemas["HistoryEvent"];
export type EarlierCall = Schemas["WireEarlierCall"];
export type Guidance = Schemas["GuidanceEvent"];
export type ChecklistChange = Schemas["ChecklistEvent"];
export type Approval = Schemas["ApprovalEvent"];
export type AlertReview = Schemas["AlertReviewEvent"];
export type FieldValue = Schemas["WireFieldValue"];
export type CaseRevision = Schemas["CaseEvent"];
export type Gap = Schemas["GapEvent"];
export type MaskingChange = Schemas["MaskingEvent"];
export type Assistance = Schemas["AssistanceEvent"];
export type VoiceChange = Schemas["VoiceEvent"];
export type AssistanceLevel = Assistance["level"];
export type Stages = Schemas["WireStages"];
export type LedgerChannel = Schemas["LedgerChannel"];
export type CallEnded = Schemas["CallEndedEvent"];

export type CallEvent = Schemas["EventPage"]["items"][number];

const TYPES: ReadonlySet<string> = new Set<CallEvent["type"]>([
  "call_started",
  "call_updated",
  "partial",
  "utterance",
  "speakers",
  "quarantined",
  "alert",
  "repetition",
  "history",
  "guidance",
  "checklist",
  "approval",
  "alert_review",
  "case",
  "gap",
  "masking",
  "assistance",
  "voice",
  "call_ended",
]);

/** Tells a contract event from the socket's own messages; unknown types of a later version are not events here. */
export function isCallEvent(message: unknown): message is CallEvent {
  if (typeof message !== "object" || message === null) return false;
  const { type, call_id: callId, seq } = message as Record<string, unknown>;
  return typeof type === "string" && TYPES.has(type) && typeof callId === "string" && typeof seq === "number";
}

export const CASE_FIELDS = [
  "customer_name",
  "phone",
  "order_or_contract_number",
  "product",
  "when",
  "where",
  "about_what",
  "who_is_dissatisfied",
  "demand",
  "conclusion",
  "promises",
] as const;

export type CaseField = (typeof CASE_FIELDS)[number];
