import type { Alert, Gap, Quarantined, Utterance } from "../api/events";

/** One entry of the conversation, oldest first. */
export type ConversationItem =
  | { kind: "utterance"; key: string; startMs: number; utterance: Utterance; alerts: readonly Alert[] }
  | { kind: "quarantined"; key: string; startMs: number; quarantined: Quarantined }
  | { kind: "gap"; key: string; startMs: number; gap: Gap };

interface ConversationSource {
  utterances: readonly Utterance[];
  quarantined: readonly Quarantined[];
  gaps: readonly Gap[];
  alerts: readonly Alert[];
}

export function conversation(source: ConversationSource): ConversationItem[] {
  const alerts = alertsByUtterance(source.alerts);
  const items: ConversationItem[] = [
    ...source.utterances.map((utterance) => ({
      kind: "utterance" as const,
      key: utterance.utterance_id,
      startMs: utterance.start_ms,
      utterance,
      alerts: alerts.get(utterance.utterance_id) ?? [],
    })),
    ...source.quarantined.map((quarantined) => ({
      kind: "quarantined" as const,
      key: `quarantined-${quarantined.seq}`,
      startMs: quarantined.start_ms,
      quarantined,
    })),
    ...mergeGaps(source.gaps).map((gap) => ({
      kind: "gap" as const,
      key: `gap-${gap.seq}`,
      startMs: gap.start_ms,
      gap,
    })),
  ];
  return items.sort((a, b) => a.startMs - b.startMs);
}

/** Gaps of one cause that lie closer than this are told as one. */
const JOIN_MS = 1000;

/** Jitter and two channels losing the same stretch give many gaps; a reader needs one divider with what was missed. */
function mergeGaps(gaps: readonly Gap[]): Gap[] {
  const merged: Gap[] = [];
  for (const gap of [...gaps].sort((a, b) => a.start_ms - b.start_ms)) {
    const at = merged.findLastIndex(
      (other) => other.cause === gap.cause && gap.start_ms <= other.start_ms + other.duration_ms + JOIN_MS,
    );
    const before = merged[at];
    if (before === undefined) {
      merged.push(gap);
      continue;
    }
    const overlap = Math.max(
      0,
      Math.min(endOf(before), endOf(gap)) - Math.max(before.start_ms, gap.start_ms),
    );
    merged[at] = { ...before, duration_ms: before.duration_ms + gap.duration_ms - overlap };
  }
  return merged;
}

function endOf(gap: Gap): number {
  return gap.start_ms + gap.duration_ms;
}

function alertsByUtterance(alerts: readonly Alert[]): Map<string, Alert[]> {
  const map = new Map<string, Alert[]>();
  for (const alert of alerts) {
    for (const id of alert.utterance_ids) map.set(id, [...(map.get(id) ?? []), alert]);
  }
  return map;
}

/** A run of an utterance's text, with the alerts whose quote covers it. */
export interface TextRun {
  text: string;
  start: number;
  alerts: readonly Alert[];
}

/**
 * Cuts `text` where quotes begin and end. A quote that is not found in the text (it may come from another utterance of
 * the same alert) marks nothing.
 */
export function markQuotes(text: string, alerts: readonly Alert[]): TextRun[] {
  const spans = alerts.flatMap((alert) => {
    const span = locateQuote(text, alert.quote);
    return span === null ? [] : [{ ...span, alert }];
  });
  const cuts = new Set([0, text.length, ...spans.flatMap(({ start, end }) => [start, end])]);
  const points = [...cuts].sort((a, b) => a - b);
  return points.slice(0, -1).map((start, i) => {
    const end = points[i + 1] ?? text.length;
    return {
      text: text.slice(start, end),
      start,
      alerts: spans.filter((span) => span.start <= start && end <= span.end).map((span) => span.alert),
    };
  });
}

const IGNORED = /[\s、。，．,.!?！？「」『』・…]/u;
const ALL_IGNORED = new RegExp(IGNORED.source, "gu");

/** Finds a quote in a text, exactly or else without spaces and punctuation; offsets are UTF-16. */
export function locateQuote(text: string, quote: string): { start: number; end: number } | null {
  if (quote === "") return null;
  const exact = text.indexOf(quote);
  if (exact >= 0) return { start: exact, end: exact + quote.length };
  const kept: number[] = [];
  let squeezed = "";
  for (let i = 0; i < text.length; i += 1) {
    const unit = text[i] ?? "";
    if (IGNORED.test(unit)) continue;
    kept.push(i);
    squeezed += unit;
  }
  const wanted = quote.replaceAll(ALL_IGNORED, "");
  const at = wanted === "" ? -1 : squeezed.indexOf(wanted);
  const first = kept[at];
  const last = kept[at + wanted.length - 1];
  return at < 0 || first === undefined || last === undefined ? null : { start: first, end: last + 1 };
}

/** The worst severity among alerts, 0 when there are none. */
export function worst(alerts: readonly { severity: number }[]): number {
  return alerts.reduce((max, alert) => Math.max(max, alert.severity), 0);
}
