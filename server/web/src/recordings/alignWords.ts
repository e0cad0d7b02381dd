import type { Word } from "../api/events";
import type { RecordedAlert } from "../api/types";
import { locateQuote } from "../live/transcript";

/** A run of an utterance's text that is heard from `startMs`, with the alerts whose quote covers it. */
export interface HeardRun {
  text: string;
  offset: number;
  startMs: number;
  endMs: number;
  /** What the recogniser wrote, where a word of the vocabulary took its place. */
  heard: string | null;
  alerts: readonly RecordedAlert[];
}

interface Spoken {
  text: string;
  start_ms: number;
  end_ms: number;
  words: readonly Word[];
}

/**
 * Lays word times over an utterance's text and cuts it where words and quotes begin. Punctuation between words goes
 * with the word before it; text without word times is one run over the whole utterance.
 */
export function heardRuns(utterance: Spoken, alerts: readonly RecordedAlert[]): HeardRun[] {
  const { text } = utterance;
  const timed = wordOffsets(utterance);
  const quotes = alerts.flatMap((alert) => {
    const span = locateQuote(text, alert.quote);
    return span === null ? [] : [{ ...span, alert }];
  });
  const cuts = new Set([0, text.length]);
  for (const word of timed) cuts.add(word.offset);
  for (const quote of quotes) cuts.add(quote.start).add(quote.end);
  const points = [...cuts].sort((a, b) => a - b);
  return points.slice(0, -1).map((offset, i) => {
    const end = points[i + 1] ?? text.length;
    const word = timed.findLast((candidate) => candidate.offset <= offset);
    return {
      text: text.slice(offset, end),
      offset,
      startMs: word?.startMs ?? utterance.start_ms,
      endMs: word?.endMs ?? utterance.end_ms,
      heard: word !== undefined && offset < word.end ? word.heard : null,
      alerts: quotes.filter((quote) => quote.start <= offset && end <= quote.end).map((quote) => quote.alert),
    };
  });
}

interface PlacedWord {
  offset: number;
  end: number;
  startMs: number;
  endMs: number;
  heard: string | null;
}

function wordOffsets(utterance: Spoken): PlacedWord[] {
  const found: PlacedWord[] = [];
  let from = 0;
  for (const word of utterance.words) {
    const wanted = word.text.trim();
    const offset = wanted === "" ? -1 : utterance.text.indexOf(wanted, from);
    // A word that the text shows otherwise (a number written in digits) goes with the one before it.
    if (offset < 0) continue;
    const end = offset + wanted.length;
    found.push({ offset, end, startMs: word.start_ms, endMs: word.end_ms, heard: word.heard ?? null });
    from = end;
  }
  return found;
}

/** When the first of `terms` that an utterance holds is said; its beginning where none is found as typed. */
export function heardAt(utterance: Spoken, terms: readonly string[]): number {
  const found = terms.map((term) => utterance.text.indexOf(term)).find((offset) => offset >= 0);
  if (found === undefined) return utterance.start_ms;
  return wordOffsets(utterance).findLast((word) => word.offset <= found)?.startMs ?? utterance.start_ms;
}

/** The words of a search, as typed. */
export function searchTerms(words: string): string[] {
  return words.split(/[\s、,]+/u).filter((term) => term !== "");
}
