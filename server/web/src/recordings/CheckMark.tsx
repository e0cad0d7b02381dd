import { useTranslation } from "react-i18next";
import type { RecordingSummary } from "../api/types";
import { dayAndTime } from "../i18n/format";
import { SeverityIcon } from "../ui/Severity";
import classes from "./Proof.module.css";

/** How the newest integrity check came out. Green says verified, and is used for nothing else. */
export function CheckMark({ check }: { check: RecordingSummary["last_check"] }) {
  const { t, i18n } = useTranslation();
  if (check === null) return <span data-testid="last-check">{t("recordings.check_none")}</span>;
  return (
    <span
      className={classes.check}
      data-ok={check.ok}
      data-testid="last-check"
      title={t("recordings.checked_at", { time: dayAndTime(check.checked_at, i18n.language) })}
    >
      {check.ok ? "✓" : <SeverityIcon severity={3} />}{" "}
      {check.ok ? t("recordings.check_ok") : t("recordings.check_failed")}{" "}
      <small>{dayAndTime(check.checked_at, i18n.language)}</small>
    </span>
  );
}
