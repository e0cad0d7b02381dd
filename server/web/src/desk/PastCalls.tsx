import type { Ref } from "react";
import { useTranslation } from "react-i18next";
import type { History } from "../api/events";
import { calendarDay } from "../i18n/format";
import { codeWord } from "../ui/words";
import classes from "./PastCalls.module.css";

/** Earlier calls of the person on the line: what they asked for, how it ended, what we still owe. */
export function PastCalls({ history, ref }: { history: History | null; ref?: Ref<HTMLElement> }) {
  const { t, i18n } = useTranslation();
  if (history === null || history.earlier_calls.length === 0) return null;
  return (
    <section ref={ref} className={classes.past} data-testid="past-calls">
      <h3 className={classes.title}>{t("desk.case.past.title", { count: history.earlier_calls.length })}</h3>
      <ol className={classes.calls}>
        {history.earlier_calls.map((earlier) => (
          <li key={earlier.call_id} className={classes.call} data-matched={earlier.matched_by}>
            <p className={classes.head}>
              <time dateTime={earlier.started_on}>{calendarDay(earlier.started_on, i18n.language)}</time>
              <span>{codeWord(t, "end_state", earlier.end_state)}</span>
              {earlier.harassment_categories.length > 0 && (
                <span className={classes.category}>
                  {t("desk.case.past.detected", {
                    words: earlier.harassment_categories
                      .map((code) => codeWord(t, "category", code))
                      .join(t("common.comma")),
                  })}
                </span>
              )}
            </p>
            <p className={classes.demand} title={earlier.demand}>
              {earlier.demand || t("desk.case.past.no_demand")}
            </p>
            {earlier.promises !== "" && (
              <p className={classes.promise} title={earlier.promises}>
                {t("desk.case.past.promised", { text: earlier.promises })}
              </p>
            )}
            <p className={classes.matched}>{t(`desk.case.past.matched.${earlier.matched_by}`)}</p>
          </li>
        ))}
      </ol>
    </section>
  );
}
