import { useEffect, useRef, type KeyboardEvent, type MouseEvent } from "react";
import { useTranslation } from "react-i18next";
import type { RecordingDetail } from "../api/types";
import { clock, signed } from "../i18n/format";
import { clampSeverity } from "../ui/Severity";
import { codeWord, speakerWord } from "../ui/words";
import classes from "./Player.module.css";

interface Props {
  recording: RecordingDetail;
  /** Per channel min, max, min, max, …; null until read. */
  peaks: readonly (readonly number[])[] | null;
  positionMs: number;
  onSeek: (ms: number) => void;
}

const STEP_MS = 5_000;

/** The call as two stacked waveforms with what happened in it; click or arrow keys move the position. */
export function Waveforms({ recording, peaks, positionMs, onSeek }: Props) {
  const { t } = useTranslation();
  const length = Math.max(1, recording.duration_ms);
  const share = (ms: number) => `${(100 * Math.min(ms, length)) / length}%`;
  const onClick = (event: MouseEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    onSeek(((event.clientX - box.left) / box.width) * length);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -STEP_MS, ArrowRight: STEP_MS }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    onSeek(positionMs + by);
  };
  return (
    <div className={classes.waves}>
      <div className={classes.waveLabels}>
        {recording.channels.map((channel) => (
          <span key={channel.index}>{speakerWord(t, channel.role)}</span>
        ))}
      </div>
      <div
        className={classes.waveArea}
        role="slider"
        tabIndex={0}
        aria-label={t("recordings.position")}
        aria-valuemin={0}
        aria-valuemax={recording.duration_ms}
        aria-valuenow={Math.round(positionMs)}
        aria-valuetext={clock(positionMs)}
        onClick={onClick}
        onKeyDown={onKeyDown}
        data-testid="waveform"
      >
        {recording.channels.map((channel) => (
          <Wave key={channel.index} peaks={peaks?.[channel.index] ?? []} />
        ))}
        {alertRegions(recording).map((region) => (
          <span
            key={region.id}
            className={classes.alertRegion}
            data-testid="alert-region"
            data-severity={region.severity}
            style={{ left: share(region.startMs), width: share(region.endMs - region.startMs) }}
            title={`${clock(region.startMs)} ${t(`severity.${clampSeverity(region.severity)}`)}・${codeWord(t, "category", region.category)}`}
          />
        ))}
        {recording.gaps.map((gap) => (
          <span
            key={`${gap.channel}-${gap.start_ms}-${gap.cause}`}
            className={classes.gapRegion}
            data-testid="gap-region"
            style={{ left: share(gap.start_ms), width: share(gap.duration_ms) }}
            title={`${clock(gap.start_ms)} ${t("recordings.region_gap")}`}
          />
        ))}
        {recording.raised_voice.map((voice) => (
          <span
            key={voice.start_ms}
            className={classes.voiceRegion}
            data-testid="voice-region"
            style={{ left: share(voice.start_ms), width: share(voice.end_ms - voice.start_ms) }}
            title={`${clock(voice.start_ms)} ${t("voice.raised")} ${t("voice.level", { db: signed(voice.level_db) })}`}
          />
        ))}
        <span className={classes.playhead} style={{ left: share(positionMs) }} />
      </div>
    </div>
  );
}

interface Region {
  id: string;
  severity: number;
  category: string;
  startMs: number;
  endMs: number;
}

/** An alert's region is where its newest utterance was said; the gravest lies on top. */
export function alertRegions(recording: Pick<RecordingDetail, "alerts" | "transcript">): Region[] {
  const regions = recording.alerts.flatMap((alert) => {
    const said = recording.transcript.findLast((utterance) =>
      alert.utterance_ids.includes(utterance.utterance_id),
    );
    if (said === undefined) return [];
    const { alert_id: id, severity, category } = alert;
    return [{ id, severity, category, startMs: said.start_ms, endMs: said.end_ms }];
  });
  return regions.sort((a, b) => a.severity - b.severity);
}

function Wave({ peaks }: { peaks: readonly number[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    const redraw = () => draw(element, peaks);
    redraw();
    const size = new ResizeObserver(redraw);
    size.observe(element);
    const scheme = new MutationObserver(redraw);
    scheme.observe(document.documentElement, { attributeFilter: ["data-mantine-color-scheme"] });
    return () => {
      size.disconnect();
      scheme.disconnect();
    };
  }, [peaks]);
  return <canvas ref={canvas} className={classes.wave} aria-hidden="true" />;
}

function draw(canvas: HTMLCanvasElement, peaks: readonly number[]): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  const ratio = window.devicePixelRatio;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  canvas.width = width;
  canvas.height = height;
  context.fillStyle = getComputedStyle(canvas).color;
  const count = Math.floor(peaks.length / 2);
  if (count === 0) return;
  // Telephone speech is quiet: drawn to its own loudest moment, and never so far that line noise looks like speech.
  const loudest = Math.max(0.05, ...peaks.map(Math.abs));
  for (let x = 0; x < width; x += 1) {
    const first = Math.floor((x * count) / width);
    const last = Math.max(first + 1, Math.floor(((x + 1) * count) / width));
    let low = 0;
    let high = 0;
    for (let i = first; i < last; i += 1) {
      low = Math.min(low, peaks[2 * i] ?? 0);
      high = Math.max(high, peaks[2 * i + 1] ?? 0);
    }
    const top = (height / 2) * (1 - high / loudest);
    const bottom = (height / 2) * (1 - low / loudest);
    context.fillRect(x, top, 1, Math.max(ratio, bottom - top));
  }
}
