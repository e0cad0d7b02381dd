import { useTranslation } from "react-i18next";
import type { AssistanceLevel } from "../api/events";
import classes from "./AssistanceNote.module.css";

interface Props {
  level: AssistanceLevel | null;
  /** Whether the page knows that the call is being recorded; only then does it say so. */
  isRecorded: boolean;
}

/** Says calmly that the service is busy, what that costs, and that the recording has no part in it. */
export function AssistanceNote({ level, isRecorded }: Props) {
  const { t } = useTranslation();
  const shed = level === null || level === "normal" ? null : level;
  return (
    <div role="status" className={classes.place}>
      {shed !== null && (
        <p className={classes.note} data-testid="assistance" data-level={shed}>
          <span>{t(`assistance.${shed}`)}</span>
          {isRecorded && (
            <span className={classes.recording}>
              <span className={classes.dot} aria-hidden="true" />
              {t("assistance.recording_continues")}
            </span>
          )}
        </p>
      )}
    </div>
  );
}
