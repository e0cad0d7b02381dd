import { Tooltip } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { QueueFigures } from "../api/types";
import { clock, percent } from "../i18n/format";
import { SeverityIcon } from "../ui/Severity";
import classes from "./Board.module.css";
import {
  abandonStanding,
  longestWaitNow,
  serviceLevelStanding,
  waitStanding,
  type Standing,
} from "./thresholds";

interface Props {
  figures: QueueFigures;
  /** When the figures were taken, and now; both the service's time. */
  atMs: number;
  nowMs: number;
  basis: string;
}

export function QueueRow({ figures, atMs, nowMs, basis }: Props) {
  const { t } = useTranslation();
  const threshold = figures.service_level_threshold_s;
  const longest = longestWaitNow(figures, atMs, nowMs);
  return (
    <article
      className={classes.queue}
      data-testid="queue-row"
      data-queue={figures.queue}
      aria-label={figures.queue}
    >
      <h2 className={classes.queueName} title={figures.queue}>
        {figures.queue}
      </h2>
      <Figure
        name="waiting"
        label={t("board.waiting")}
        value={String(figures.waiting)}
        unit={t("board.waiting_unit")}
        standing={longest === null ? "ok" : waitStanding(longest, threshold)}
        quiet
        formula={`${t("board.formula.waiting")} ${basis}`}
      />
      <Figure
        name="longest_wait_s"
        label={t("board.longest")}
        value={longest === null ? "–" : clock(longest * 1000)}
        standing={longest === null ? "ok" : waitStanding(longest, threshold)}
        quiet={longest === null}
        formula={`${t("board.formula.longest_wait_s")} ${basis}`}
      />
      <Figure
        name="service_level"
        label={t("board.service_level")}
        value={figures.service_level === null ? "–" : percent(figures.service_level)}
        unit={figures.service_level === null ? "" : "%"}
        note={t("board.service_level_in", { seconds: threshold })}
        standing={serviceLevelStanding(figures.service_level)}
        formula={`${t("board.formula.service_level", { seconds: threshold })} ${basis}`}
      />
      <Figure
        name="asa_s"
        label={t("board.asa")}
        value={figures.asa_s === null ? "–" : clock(figures.asa_s * 1000)}
        standing={waitStanding(figures.asa_s, threshold)}
        formula={`${t("board.formula.asa_s")} ${basis}`}
      />
      <Figure
        name="abandoned"
        label={t("board.abandoned")}
        value={String(figures.abandoned)}
        unit={t("board.abandoned_unit")}
        note={
          figures.abandon_rate === null
            ? null
            : t("board.abandon_rate", { percent: percent(figures.abandon_rate) })
        }
        standing={abandonStanding(figures.abandon_rate)}
        formula={`${t("board.formula.abandon_rate")} ${basis}`}
      />
    </article>
  );
}

interface FigureProps {
  name: string;
  label: string;
  value: string;
  unit?: string;
  note?: ReactNode;
  standing: Standing;
  /** Without the word: the figure beside it says it. */
  quiet?: boolean;
  formula: string;
}

function Figure({
  name,
  label,
  value,
  unit = "",
  note = null,
  standing,
  quiet = false,
  formula,
}: FigureProps) {
  const { t } = useTranslation();
  return (
    <Tooltip label={formula} multiline maw={420} events={{ hover: true, focus: true, touch: true }}>
      <div
        className={classes.figure}
        tabIndex={0}
        data-testid="figure"
        data-figure={name}
        data-standing={standing}
      >
        <span className={classes.label}>{label}</span>
        <span className={classes.value} data-testid="figure-value">
          {value}
          {unit !== "" && <small>{unit}</small>}
        </span>
        <span className={classes.word}>
          {!quiet && (
            <>
              {standing === "amber" && <SeverityIcon severity={2} />}
              {standing === "red" && <SeverityIcon severity={3} />}
              {t(`board.word.${standing}`)}
            </>
          )}
          {note !== null && <small>{note}</small>}
        </span>
      </div>
    </Tooltip>
  );
}
