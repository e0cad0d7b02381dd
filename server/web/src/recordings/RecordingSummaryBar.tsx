import { useTranslation } from "react-i18next";
import type { RecordingDetail } from "../api/types";
import { duration, localDateTime } from "../i18n/format";
import { SeverityBadge } from "../ui/Severity";
import { codeWord } from "../ui/words";
import { CheckMark } from "./CheckMark";
import classes from "./Player.module.css";

export function RecordingSummaryBar({ recording }: { recording: RecordingDetail }) {
  const { t, i18n } = useTranslation();
  return (
    <div className={classes.summary} data-testid="recording-summary">
      <strong>{recording.customer_name ?? recording.customer_number ?? t("desk.caller_unknown")}</strong>
      {recording.customer_name !== null && <span>{recording.customer_number}</span>}
      <span>{localDateTime(recording.started_at, i18n.language)}</span>
      <span>{duration(recording.duration_ms, i18n.language)}</span>
      <span>
        {t("common.agent")}: {recording.agent_name ?? t("common.unknown")}
      </span>
      {recording.queue !== null && <span>{recording.queue}</span>}
      {recording.severity > 0 && <SeverityBadge severity={recording.severity} />}
      <span>
        {recording.harassment_categories.map((code) => codeWord(t, "category", code)).join(t("common.comma"))}
      </span>
      <span className={classes.grow} />
      <span>{t("recordings.sealed")}</span>
      <CheckMark check={recording.last_check} />
    </div>
  );
}
