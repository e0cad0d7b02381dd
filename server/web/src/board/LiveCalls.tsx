import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { CallSummary } from "../api/types";
import { clock } from "../i18n/format";
import { AssistanceNote } from "../live/AssistanceNote";
import { SeverityBadge } from "../ui/Severity";
import { codeWord } from "../ui/words";
import { Ladder } from "./ApproveEnding";
import classes from "./Board.module.css";
import { byNeed, worstAssistance } from "./thresholds";

interface Props {
  calls: readonly CallSummary[];
  nowMs: number;
  /** Whether the board is up to date; what overload cost before is no news. */
  current: boolean;
}

/** Live calls, those that need somebody first. */
export function LiveCalls({ calls, nowMs, current }: Props) {
  const { t } = useTranslation();
  return (
    <section aria-label={t("board.calls")}>
      <h2 className={classes.heading}>
        {t("board.calls")} <span>{calls.length}</span>
      </h2>
      <AssistanceNote
        level={current ? worstAssistance(calls) : null}
        recording={t("assistance.recording_untouched")}
        size="wall"
      />
      {calls.length === 0 ? (
        <p className={classes.none}>{t("board.no_calls")}</p>
      ) : (
        <ul className={classes.calls}>
          {[...calls].sort(byNeed).map((call) => (
            <LiveCall key={call.call_id} call={call} nowMs={nowMs} />
          ))}
        </ul>
      )}
    </section>
  );
}

function LiveCall({ call, nowMs }: { call: CallSummary; nowMs: number }) {
  const { t } = useTranslation();
  const agent = call.agent_name ?? call.agent_id ?? t("common.unknown");
  const customer = call.customer_name ?? call.customer_number ?? t("desk.caller_unknown");
  return (
    <li
      className={classes.row}
      data-testid="live-call"
      data-call-id={call.call_id}
      data-severity={call.severity}
    >
      <Link
        className={classes.call}
        data-severity={call.severity}
        to={`/board/calls/${encodeURIComponent(call.call_id)}`}
      >
        <span className={classes.state}>
          {call.help_requested_at !== null && <HelpMark askedAt={call.help_requested_at} nowMs={nowMs} />}
          {call.severity > 0 ? (
            <SeverityBadge severity={call.severity} />
          ) : (
            <span className={classes.calm}>{t("board.calm")}</span>
          )}
        </span>
        <span className={classes.duration} title={t("board.duration")}>
          {clock(nowMs - Date.parse(call.started_at))}
        </span>
        <span className={classes.who} title={`${t("board.agent")}: ${agent}`}>
          {agent}
          <small title={customer}>{[customer, call.queue].filter(Boolean).join("・")}</small>
        </span>
        <span className={classes.quote} title={call.gravest_alert?.quote}>
          {call.gravest_alert !== null && (
            <>
              <small>
                {clock(call.gravest_alert.at_ms)} {codeWord(t, "category", call.gravest_alert.category)}
              </small>
              <q>{call.gravest_alert.quote}</q>
            </>
          )}
        </span>
      </Link>
      <Ladder call={call} />
    </li>
  );
}

function HelpMark({ askedAt, nowMs }: { askedAt: string; nowMs: number }) {
  const { t } = useTranslation();
  const minutes = Math.floor(Math.max(0, nowMs - Date.parse(askedAt)) / 60_000);
  return (
    <span className={classes.help} data-testid="help-request">
      ⚑ {t("board.help")}{" "}
      <small>{minutes === 0 ? t("board.help_now") : t("board.help_since", { minutes })}</small>
    </span>
  );
}
