import { memo, useEffect, useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import type { RecordedAlert, RecordedUtterance, RecordingDetail } from "../api/types";
import { clock } from "../i18n/format";
import { clampSeverity, SeverityIcon } from "../ui/Severity";
import { codeWord, speakerWord } from "../ui/words";
import { heardRuns } from "./alignWords";
import classes from "./Transcript.module.css";

interface Props {
  recording: RecordingDetail;
  positionMs: number;
  playing: boolean;
  onPlayFrom: (ms: number) => void;
}

/** What was said, in step with what is heard. */
export function TranscriptPane({ recording, positionMs, playing, onPlayFrom }: Props) {
  const { t } = useTranslation();
  const box = useRef<HTMLDivElement>(null);
  const alerts = useMemo(() => {
    const map = new Map<string, RecordedAlert[]>();
    for (const alert of recording.alerts) {
      for (const id of alert.utterance_ids) map.set(id, [...(map.get(id) ?? []), alert]);
    }
    return map;
  }, [recording.alerts]);
  const active = recording.transcript.findLast(
    (utterance) => utterance.start_ms <= positionMs && positionMs < utterance.end_ms + 300,
  )?.utterance_id;

  useEffect(() => {
    if (!playing || active === undefined) return;
    box.current
      ?.querySelector(`[data-utterance-id="${CSS.escape(active)}"]`)
      ?.scrollIntoView({ block: "nearest" });
  }, [playing, active]);

  return (
    <div
      ref={box}
      className={classes.pane}
      role="region"
      aria-label={t("recordings.transcript")}
      data-testid="transcript"
    >
      {recording.transcript.map((utterance) => (
        <Said
          key={utterance.utterance_id}
          utterance={utterance}
          alerts={alerts.get(utterance.utterance_id) ?? NO_ALERTS}
          positionMs={utterance.utterance_id === active ? positionMs : null}
          onPlayFrom={onPlayFrom}
        />
      ))}
    </div>
  );
}

const NO_ALERTS: readonly RecordedAlert[] = [];

interface SaidProps {
  utterance: RecordedUtterance;
  alerts: readonly RecordedAlert[];
  /** Where playing is, if it is within this utterance. */
  positionMs: number | null;
  onPlayFrom: (ms: number) => void;
}

const Said = memo(function Said({ utterance, alerts, positionMs, onPlayFrom }: SaidProps) {
  const { t } = useTranslation();
  const runs = useMemo(() => heardRuns(utterance, alerts), [utterance, alerts]);
  return (
    <article
      className={classes.said}
      data-testid="utterance"
      data-utterance-id={utterance.utterance_id}
      data-speaker={utterance.speaker}
      data-active={positionMs !== null}
    >
      <button
        type="button"
        className={classes.time}
        onClick={() => onPlayFrom(utterance.start_ms)}
        aria-label={`${t("recordings.play")} ${clock(utterance.start_ms)}`}
        data-testid="play-from"
      >
        ▶ {clock(utterance.start_ms)}
      </button>
      <div>
        <span className={classes.speaker}>{speakerWord(t, utterance.speaker)}</span>
        {alerts.map((alert) => (
          <span
            key={alert.alert_id}
            className={classes.tag}
            data-severity={alert.severity}
            title={alert.explanation}
            data-testid="alert"
            data-category={alert.category}
          >
            <SeverityIcon severity={alert.severity} />
            {t(`severity.${clampSeverity(alert.severity)}`)}・{codeWord(t, "category", alert.category)}
          </span>
        ))}
        <p className={classes.text}>
          {runs.map((run) => (
            <span
              key={run.offset}
              className={classes.run}
              data-testid="word"
              data-start-ms={run.startMs}
              data-severity={run.alerts[0]?.severity}
              title={run.heard === null ? undefined : t("recordings.word_heard", { heard: run.heard })}
              data-heard={positionMs !== null && run.startMs <= positionMs && positionMs < run.endMs}
              onClick={() => onPlayFrom(run.startMs)}
            >
              {run.text}
            </span>
          ))}
        </p>
      </div>
    </article>
  );
});
