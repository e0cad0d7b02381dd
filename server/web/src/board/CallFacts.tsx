import { useTranslation } from "react-i18next";
import { CASE_FIELDS } from "../api/events";
import type { CallSummary } from "../api/types";
import { localTime } from "../i18n/format";
import type { CallState } from "../live/callState";
import { SeverityBadge } from "../ui/Severity";
import { codeWord } from "../ui/words";
import classes from "./Board.module.css";

interface Props {
  about: CallSummary | null;
  call: CallState;
}

/** Who is talking, how grave it is, and what the case says so far. */
export function CallFacts({ about, call }: Props) {
  const { t, i18n } = useTranslation();
  const record = call.caseRevision;
  return (
    <dl className={classes.facts}>
      <dt>{t("board.agent")}</dt>
      <dd>{about?.agent_name ?? about?.agent_id ?? t("common.unknown")}</dd>
      {about?.queue != null && (
        <>
          <dt>{t("desk.queue")}</dt>
          <dd>{about.queue}</dd>
        </>
      )}
      {about?.help_requested_at != null && (
        <>
          <dt>{t("board.help")}</dt>
          <dd>{t("desk.help_since", { time: localTime(about.help_requested_at, i18n.language) })}</dd>
        </>
      )}
      <dt>{t("board.state")}</dt>
      <dd>
        {about !== null && about.severity > 0 ? <SeverityBadge severity={about.severity} /> : t("board.calm")}{" "}
        {record?.harassment_categories.map((code) => codeWord(t, "category", code)).join(t("common.comma"))}
      </dd>
      {CASE_FIELDS.map((field) => {
        const value = record?.fields[field]?.value ?? "";
        return value === "" ? null : (
          <div key={field} className={classes.pair}>
            <dt>{t(`desk.case.field.${field}`)}</dt>
            <dd>{value}</dd>
          </div>
        );
      })}
    </dl>
  );
}
