import { Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { seconds } from "../i18n/format";
import type { LineState } from "../live/liveSocket";
import classes from "./Desk.module.css";

/** From here on, words come so late that the agent should know it. */
const SLOW_TEXT_MS = 4_000;
const SLOW_ROUND_TRIP_MS = 1_500;

export function LineDot({ line, textLatencyMs }: { line: LineState; textLatencyMs: number | null }) {
  const { t } = useTranslation();
  const slow =
    line.phase === "online" &&
    ((textLatencyMs ?? 0) > SLOW_TEXT_MS || (line.roundTripMs ?? 0) > SLOW_ROUND_TRIP_MS);
  const word = slow ? t("line.slow") : t(`line.short.${line.phase}`);
  const parts = [t(`line.${line.phase}`, { attempt: line.attempt })];
  if (line.roundTripMs !== null) parts.push(t("line.round_trip", { ms: Math.round(line.roundTripMs) }));
  if (textLatencyMs !== null) parts.push(t("line.text_latency", { seconds: seconds(textLatencyMs) }));
  return (
    <Tooltip label={parts.join("・")} events={{ hover: true, focus: true, touch: true }} multiline maw={360}>
      <span
        className={classes.line}
        tabIndex={0}
        data-testid="connection"
        data-state={line.phase}
        data-slow={slow}
        aria-label={parts.join("・")}
      >
        <span className={classes.dot} aria-hidden="true" />
        {word}
      </span>
    </Tooltip>
  );
}
