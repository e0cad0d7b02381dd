import { useTranslation } from "react-i18next";
import type { RecordingDetail } from "../api/types";
import { clock } from "../i18n/format";
import { RuleDisclosure } from "../ui/RuleDisclosure";
import { ReviewMark } from "../ui/ReviewMark";
import { SeverityBadge } from "../ui/Severity";
import { codeWord } from "../ui/words";
import classes from "./Player.module.css";

/** The call's alerts as places to listen to. */
export function AlertList({
  recording,
  onPlayFrom,
}: {
  recording: RecordingDetail;
  onPlayFrom: (ms: number) => void;
}) {
  const { t } = useTranslation();
  if (recording.alerts.length === 0) return null;
  return (
    <section aria-label={t("recordings.alerts")}>
      <h2 className={classes.heading}>{t("recordings.alerts")}</h2>
      <ul className={classes.alerts} data-testid="alert-list">
        {recording.alerts.map((alert) => {
          const said = recording.transcript.findLast((one) => alert.utterance_ids.includes(one.utterance_id));
          const startMs = said?.start_ms ?? alert.at_ms;
          return (
            <li key={alert.alert_id}>
              <button type="button" onClick={() => onPlayFrom(startMs)}>
                ▶ {clock(startMs)}
              </button>
              <SeverityBadge severity={alert.severity} label={codeWord(t, "category", alert.category)} />
              <ReviewMark review={alert.review ?? null} />
              <q title={alert.explanation}>{alert.quote}</q>
              <RuleDisclosure callId={recording.call_id} alertId={alert.alert_id} />
            </li>
          );
        })}
      </ul>
    </section>
  );
}
