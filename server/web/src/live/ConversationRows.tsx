import { Tooltip } from "@mantine/core";
import { Fragment, memo } from "react";
import { useTranslation } from "react-i18next";
import type { Alert, AlertReview, Gap, PartialText, Quarantined, Speakers, Utterance } from "../api/events";
import { clock, localTimeWithSeconds, seconds } from "../i18n/format";
import { ReviewMark } from "../ui/ReviewMark";
import { clampSeverity, SeverityIcon } from "../ui/Severity";
import { codeWord, speakerWord } from "../ui/words";
import classes from "./Conversation.module.css";
import { markQuotes, worst } from "./transcript";
import { voicesOf } from "./voices";

const NO_REVIEWS: Readonly<Record<string, AlertReview>> = {};

/** Which mention of the same demand an utterance is, and how many earlier calls of the person held it. */
export interface Repeat {
  count: number;
  earlierCalls: number;
}

interface UtteranceProps {
  utterance: Utterance;
  /** Who said which part, as last found; null on a channel of one person. */
  found: Speakers | null;
  alerts: readonly Alert[];
  /** By alert: what a third opinion thinks of it. */
  reviews?: Readonly<Record<string, AlertReview>>;
  startedAt: string | null;
  repeat: Repeat | null;
}

export const UtteranceRow = memo(function UtteranceRow({
  utterance,
  found,
  alerts,
  reviews = NO_REVIEWS,
  startedAt,
  repeat,
}: UtteranceProps) {
  const { t } = useTranslation();
  const voices = voicesOf(utterance, found);
  return (
    <article
      className={classes.turn}
      data-testid="utterance"
      data-utterance-id={utterance.utterance_id}
      data-speaker={utterance.speaker}
      data-severity={worst(alerts)}
    >
      <TurnHead speaker={utterance.speaker} startMs={utterance.start_ms} startedAt={startedAt} />
      {voices.length === 0 ? (
        <p className={classes.bubble}>
          <MarkedText text={utterance.text} alerts={alerts} />
        </p>
      ) : (
        voices.map((voice) => (
          <p className={classes.bubble} key={voice.start_ms} data-testid="voice" data-voice={voice.speaker}>
            <span className={classes.voice}>{speakerWord(t, voice.speaker)}</span>
            <MarkedText text={voice.text} alerts={alerts} />
          </p>
        ))
      )}
      {(alerts.length > 0 || repeat !== null) && (
        <p className={classes.tags}>
          {alerts.map((alert) => (
            <Fragment key={alert.alert_id}>
              <AlertTag alert={alert} />
              <ReviewMark review={reviews[alert.alert_id] ?? null} />
            </Fragment>
          ))}
          {repeat !== null && repeat.count > 1 && (
            <span className={classes.tag} data-severity={1}>
              {t("desk.conversation.repeat", { count: repeat.count })}
            </span>
          )}
          {repeat !== null && repeat.earlierCalls > 0 && (
            <span className={classes.tag} data-severity={1} data-testid="repeat-across-calls">
              {t("desk.conversation.repeat_across", { count: repeat.earlierCalls })}
            </span>
          )}
        </p>
      )}
    </article>
  );
});

function TurnHead({
  speaker,
  startMs,
  startedAt,
}: {
  speaker: string;
  startMs: number;
  startedAt: string | null;
}) {
  const { t, i18n } = useTranslation();
  const at = startedAt === null ? null : Date.parse(startedAt) + startMs;
  const exact =
    at === null
      ? clock(startMs)
      : t("desk.conversation.local_time", {
          time: localTimeWithSeconds(at, i18n.language),
          offset: clock(startMs),
        });
  return (
    <p className={classes.head}>
      <span>{speakerWord(t, speaker)}</span>
      <time title={exact}>{clock(startMs)}</time>
    </p>
  );
}

export function MarkedText({ text, alerts }: { text: string; alerts: readonly Alert[] }) {
  const { t } = useTranslation();
  return markQuotes(text, alerts).map((run) => {
    const first = run.alerts[0];
    if (first === undefined) return <span key={run.start}>{run.text}</span>;
    return (
      <mark
        key={run.start}
        className={classes.mark}
        data-testid="alert-mark"
        data-category={first.category}
        data-severity={worst(run.alerts)}
        title={run.alerts.map((alert) => codeWord(t, "category", alert.category)).join("・")}
      >
        {run.text}
      </mark>
    );
  });
}

export function AlertTag({ alert }: { alert: Alert }) {
  const { t } = useTranslation();
  const category = codeWord(t, "category", alert.category);
  const severity = t(`severity.${clampSeverity(alert.severity)}`);
  const whole = t("desk.conversation.alert_label", { category, severity, explanation: alert.explanation });
  return (
    <Tooltip label={whole} multiline maw={320} events={{ hover: true, focus: true, touch: true }}>
      <span
        className={classes.tag}
        tabIndex={0}
        data-testid="alert"
        data-alert-id={alert.alert_id}
        data-category={alert.category}
        data-severity={alert.severity}
      >
        <SeverityIcon severity={alert.severity} />
        {severity}・{category}
      </span>
    </Tooltip>
  );
}

export function PartialRow({ partial }: { partial: PartialText }) {
  const { t } = useTranslation();
  return (
    <article
      className={classes.turn}
      data-testid="partial"
      data-utterance-id={partial.utterance_id}
      data-speaker={partial.speaker}
      data-partial="true"
    >
      <p className={classes.head}>
        <span>{speakerWord(t, partial.speaker)}</span>
        <span>{t("desk.conversation.speaking")}</span>
      </p>
      <p className={classes.bubble}>
        {partial.stable}
        <span className={classes.unstable}>{partial.unstable}</span>
      </p>
    </article>
  );
}

export const QuarantinedRow = memo(function QuarantinedRow({ quarantined }: { quarantined: Quarantined }) {
  const { t } = useTranslation();
  return (
    <details className={classes.quarantined} data-testid="quarantined">
      <summary>
        {clock(quarantined.start_ms)} {speakerWord(t, quarantined.speaker)}:{" "}
        {t("desk.conversation.quarantined")}
      </summary>
      {t("desk.conversation.quarantined_text", { text: quarantined.text })}
    </details>
  );
});

const GAP_CAUSES = ["lost", "late", "paused", "masked", "clock", "crash", "not_assisted"] as const;

export const GapRow = memo(function GapRow({ gap }: { gap: Gap }) {
  const { t } = useTranslation();
  const cause = GAP_CAUSES.find((known) => known === gap.cause) ?? "lost";
  return (
    <p className={classes.divider} data-testid="gap" data-cause={gap.cause}>
      <span>
        {clock(gap.start_ms)} {t(`desk.conversation.gap.${cause}`, { seconds: seconds(gap.duration_ms) })}
      </span>
    </p>
  );
});
