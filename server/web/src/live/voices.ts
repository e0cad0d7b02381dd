import type { SpeakerRun, Speakers, Utterance } from "../api/events";

const UNKNOWN = "unknown";

/**
 * Parts of an utterance by who said them, on a channel that carries several people: as last found, else as its words
 * came. Empty where nobody could be told from anybody, and on a channel of one person.
 */
export function voicesOf(utterance: Utterance, found: Speakers | null): readonly SpeakerRun[] {
  const runs = found === null ? runsOfWords(utterance) : found.runs;
  return runs.some((run) => run.speaker !== UNKNOWN) ? runs : [];
}

function runsOfWords(utterance: Utterance): readonly SpeakerRun[] {
  const runs: SpeakerRun[] = [];
  for (const { speaker, text, start_ms: startMs, end_ms: endMs } of utterance.words) {
    const last = runs.at(-1);
    const voice = speaker ?? UNKNOWN;
    if (last?.speaker === voice) runs[runs.length - 1] = { ...last, text: last.text + text, end_ms: endMs };
    else runs.push({ speaker: voice, start_ms: startMs, end_ms: endMs, text });
  }
  return runs;
}
