import { useTranslation } from "react-i18next";
import type { History } from "../api/events";
import { codeWord } from "../ui/words";
import classes from "./PastCalls.module.css";

/** Earlier calls of the person on the line: what they asked for, how it ended, what we still owe. */
export function PastCalls({ history }: { history: History | null }) {
  const { t } = useTranslation();
  if (history === null || history.earlier_calls.length === 0) return null;
  return (
    <section className={classes.past} data-testid="past-calls">
      <h3 className={classes.title}>{t("desk.case.past.title", { count: history.earlier_calls.length })}</h3>
      <ol className={classes.calls}>
        {history.earlier_calls.map((earlier) => (
          <li key={earlier.call_id} className={classes.call} data-matched={earlier.matched_by}>
            <p className={classes.head}>
              <time dateTime={earlier.started_on}>{earlier.started_on}</time>
              <span>{codeWord(t, "end_state", earlier.end_state)}</span>
              {earlier.harassment_categories.map((code) => (
                <span key={code} className={classes.category}>
                  {codeWord(t, "category", code)}
                </span>
              ))}
            </p>
            <p className={classes.demand}>{earlier.demand || t("desk.case.past.no_demand")}</p>
            {earlier.promises !== "" && (
              <p className={classes.promise}>{t("desk.case.past.promised", { text: earlier.promises })}</p>
            )}
            <p className={classes.matched}>{t(`desk.case.past.matched.${earlier.matched_by}`)}</p>
          </li>
        ))}
      </ol>
    </section>
  );
}
