import type { Alert, Guidance } from "../api/events";
import type { ChecklistState } from "../live/callState";

export interface DeckSource {
  guidance: readonly Guidance[];
  checklist: Readonly<Record<string, ChecklistState>>;
  alerts: readonly Alert[];
}

/**
 * The cards that still hold, newest first; the same words again replace their older card. The service sends a card only
 * when it takes the place of the one before it, so the newest is the one it wants said: safety first, then the ladder.
 */
export function standingCards({ guidance, checklist }: DeckSource, nowMs: number): Guidance[] {
  const cards: Guidance[] = [];
  for (const card of [...guidance].reverse()) {
    const repeated = cards.some((other) => other.say === card.say && other.stage === card.stage);
    if (!repeated && card.expires_ms > nowMs && !isSaid(card, checklist)) cards.push(card);
  }
  return cards.sort((a, b) => b.seq - a.seq);
}

/** A ladder card is done once its step was heard on the line after the card came. */
function isSaid(card: Guidance, checklist: Readonly<Record<string, ChecklistState>>): boolean {
  const heard = checklist[card.stage];
  return heard?.done === true && heard.seq > card.seq;
}

export function isSafety(card: Guidance): boolean {
  return card.stage === "safety";
}

/** How grave the matter is that a card answers: its alert's severity, and for a ladder step at least a warning. */
export function cardSeverity(card: Guidance, alerts: readonly Alert[]): number {
  const alert = alerts.find((candidate) => candidate.alert_id === card.alert_id);
  if (alert !== undefined) return alert.severity;
  if (isSafety(card)) return 3;
  return card.stage.startsWith("ladder") ? 2 : 0;
}
