import { useTranslation } from "react-i18next";
import type { AssistanceLevel } from "../api/events";
import classes from "./AssistanceNote.module.css";

interface Props {
  level: AssistanceLevel | null;
  /** What to say of the recording; null where the page does not know how it is. */
  recording: string | null;
  /** Read at a desk, or from across the room. */
  size?: "desk" | "wall";
}

/** Says calmly that the service is busy, what that costs, and that the recording has no part in it. */
export function AssistanceNote({ level, recording, size = "desk" }: Props) {
  const { t } = useTranslation();
  const shed = level === null || level === "normal" ? null : level;
  return (
    <div role="status" className={classes.place}>
      {shed !== null && (
        <p className={classes.note} data-testid="assistance" data-level={shed} data-size={size}>
          <span>{t(`assistance.${shed}`)}</span>
          {recording !== null && (
            <span className={classes.recording}>
              <span className={classes.dot} aria-hidden="true" />
              {recording}
            </span>
          )}
        </p>
      )}
    </div>
  );
}
