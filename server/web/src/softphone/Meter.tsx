import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import classes from "./Softphone.module.css";
import { useLevel } from "./useLevel";

/** Below this nothing is heard on a line that carries a voice; room noise of an open microphone is above it. */
const SILENT = 0.05;
const PATIENCE_MS = 6_000;

/** How loud one side is; says so in words when nothing arrives for a while. */
export function Meter({ side, track, muted }: { side: string; track: MediaStreamTrack; muted: boolean }) {
  const { t } = useTranslation();
  const level = useLevel(track);
  const heard = level > SILENT;
  const [silent, setSilent] = useState(false);
  useEffect(() => {
    if (heard) return;
    const timer = setTimeout(() => setSilent(true), PATIENCE_MS);
    return () => {
      clearTimeout(timer);
      setSilent(false);
    };
  }, [heard]);
  return (
    <div className={classes.side}>
      <span>{side}</span>
      <meter
        className={classes.meter}
        min={0}
        max={1}
        value={level}
        aria-label={t("softphone.level", { side })}
      />
      {muted && <p className={classes.note}>{t("softphone.muted_note")}</p>}
      {silent && !heard && !muted && (
        <p className={classes.note} role="status" data-testid="silent">
          {t("softphone.silent")}
        </p>
      )}
    </div>
  );
}
