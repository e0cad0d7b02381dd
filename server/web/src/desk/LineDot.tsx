import { Popover } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { seconds } from "../i18n/format";
import type { LineState } from "../live/liveSocket";
import type { TextLatency } from "../live/textLatency";
import classes from "./Line.module.css";

const SLOW_ROUND_TRIP_MS = 1_500;

interface Props {
  line: LineState;
  /** Of the call on the page; null where there is none, or nothing was said yet. */
  latency: TextLatency | null;
}

/** The state of the line, how soon words become text, and on demand where that time goes. */
export function LineDot({ line, latency }: Props) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const close = () => setOpened(false);
  const online = line.phase === "online";
  const shown = online ? latency : null;
  const slow = online && (shown?.isSlow === true || (line.roundTripMs ?? 0) > SLOW_ROUND_TRIP_MS);
  return (
    <Popover opened={opened} onChange={setOpened} withArrow position="bottom-end" width={380}>
      <Popover.Target>
        <button
          type="button"
          className={classes.line}
          onClick={() => setOpened(!opened)}
          onBlur={close}
          onKeyDown={(event) => event.key === "Escape" && close()}
          aria-haspopup="dialog"
          title={t("line.details")}
          data-testid="connection"
          data-state={line.phase}
          data-slow={slow}
        >
          <span className={classes.dot} aria-hidden="true" />
          <span className={shown !== null && !slow ? classes.state : undefined}>
            {slow ? t("line.slow") : t(`line.short.${line.phase}`)}
          </span>
          {shown !== null && (
            <span data-testid="text-latency">
              {t("line.text_after", { seconds: seconds(shown.lastMs) })}
              <span className={classes.usual}>
                {t("line.text_usual", { seconds: seconds(shown.medianMs) })}
              </span>
            </span>
          )}
        </button>
      </Popover.Target>
      <Popover.Dropdown aria-label={t("line.details")} data-testid="line-details">
        <p className={classes.heading}>{t(`line.${line.phase}`, { attempt: line.attempt })}</p>
        {shown !== null && <StageTable latency={shown} />}
        {line.roundTripMs !== null && (
          <p className={classes.soft}>{t("line.round_trip", { ms: Math.round(line.roundTripMs) })}</p>
        )}
      </Popover.Dropdown>
    </Popover>
  );
}

function StageTable({ latency }: { latency: TextLatency }) {
  const { t } = useTranslation();
  return (
    <table className={classes.stages}>
      <caption>{t("line.stages_caption")}</caption>
      <thead>
        <tr>
          <th scope="col">{t("line.stage_column")}</th>
          <th scope="col">{t("line.last_column")}</th>
          <th scope="col">{t("line.median_column")}</th>
        </tr>
      </thead>
      <tbody>
        {latency.stages.map(({ stage, lastMs, medianMs }) => (
          <tr key={stage} data-stage={stage}>
            <th scope="row">
              {t(`line.stage.${stage}`)} <small>{t(`line.stage_help.${stage}`)}</small>
            </th>
            <td>{lastMs}</td>
            <td>{medianMs}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <th scope="row">{t("line.total")}</th>
          <td>{latency.lastMs}</td>
          <td>{latency.medianMs}</td>
        </tr>
      </tfoot>
    </table>
  );
}
