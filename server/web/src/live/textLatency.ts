import type { Stages, Utterance } from "../api/events";

/** Of words: from the end of what was said to its text, in order of the work. */
export const STAGES = ["arrive", "vad", "queue", "encode", "decode", "merge", "deliver"] as const;

export type Stage = (typeof STAGES)[number];

export interface StageLatency {
  stage: Stage;
  lastMs: number;
  medianMs: number;
}

/** How long after the end of the words their text left the service. */
export interface TextLatency {
  lastMs: number;
  medianMs: number;
  /** Whether the last few came so late that the agent should know it. */
  isSlow: boolean;
  /** Empty where the service did not measure them. */
  stages: readonly StageLatency[];
}

const RECENT = 10;
const SLOW_MS = 2_000;

/** Reads the latency of a call's final texts; null when none of them came live. */
export function textLatency(utterances: readonly Utterance[]): TextLatency | null {
  const measured = utterances
    .filter((utterance) => utterance.emitted_ms != null)
    .sort((a, b) => a.seq - b.seq);
  const latencies = measured.map((utterance) => Math.max(0, (utterance.emitted_ms ?? 0) - utterance.at_ms));
  const lastMs = latencies.at(-1);
  if (lastMs === undefined) return null;
  return {
    lastMs,
    medianMs: median(latencies),
    isSlow: median(latencies.slice(-RECENT)) > SLOW_MS,
    stages: byStage(measured.map((utterance) => utterance.latency ?? null).filter((one) => one !== null)),
  };
}

function byStage(measured: readonly Stages[]): StageLatency[] {
  const last = measured.at(-1);
  if (last === undefined) return [];
  return STAGES.map((stage) => ({
    stage,
    lastMs: last[`${stage}_ms`],
    medianMs: median(measured.map((one) => one[`${stage}_ms`])),
  }));
}

/** By nearest rank, as the service counts it. */
function median(values: readonly number[]): number {
  const ranked = [...values].sort((a, b) => a - b);
  return ranked[Math.ceil(ranked.length / 2) - 1] ?? 0;
}
