import { useTranslation } from "react-i18next";
import classes from "./Severity.module.css";

const SHAPES: Record<number, string> = {
  1: "M8 1.500a6.500 6.500 0 1 1 0 13 6.500 6.500 0 0 1 0-13zM7.250 7h1.500v4.500h-1.500zM7.250 4.250h1.500v1.500h-1.500z",
  2: "M8 1 15.500 14.500H.5zM7.250 6v4.500h1.500V6zm0 5.500V13h1.500v-1.500z",
  3: "M5 .8h6L15.200 5v6L11 15.200H5L.8 11V5zM7.250 4v5h1.500V4zm0 6.250v1.600h1.500v-1.600z",
};

export function SeverityIcon({ severity }: { severity: number }) {
  const path = SHAPES[severity];
  if (path === undefined) return null;
  return (
    <svg viewBox="0 0 16 16" width="1em" height="1em" aria-hidden="true" className={classes.icon}>
      <path fill="currentColor" fillRule="evenodd" d={path} />
    </svg>
  );
}

/** Severity as icon, word and colour together. */
export function SeverityBadge({ severity, label }: { severity: number; label?: string | undefined }) {
  const { t } = useTranslation();
  const word = t(`severity.${clampSeverity(severity)}`);
  return (
    <span className={classes.badge} data-severity={severity} data-testid="severity">
      <SeverityIcon severity={severity} />
      {label === undefined ? word : `${word}・${label}`}
    </span>
  );
}

export function clampSeverity(severity: number): 0 | 1 | 2 | 3 {
  if (severity >= 3) return 3;
  if (severity >= 2) return 2;
  return severity >= 1 ? 1 : 0;
}
