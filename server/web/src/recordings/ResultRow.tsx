import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import type { RecordingSummary } from "../api/types";
import { clock, duration, localDateTime } from "../i18n/format";
import { SeverityBadge } from "../ui/Severity";
import { codeWord, speakerWord } from "../ui/words";
import { searchTerms } from "./alignWords";
import { CheckMark } from "./CheckMark";
import classes from "./Search.module.css";

const SHOWN_HITS = 4;

export function ResultRow({ item, words }: { item: RecordingSummary; words: string }) {
  const { t, i18n } = useTranslation();
  const path = `/recordings/${encodeURIComponent(item.recording_id)}`;
  const customer = item.customer_name ?? item.customer_number ?? t("desk.caller_unknown");
  const people = [item.customer_name === null ? null : item.customer_number, item.queue]
    .filter(Boolean)
    .join("・");
  return (
    <li className={classes.row} data-testid="result-row" data-recording-id={item.recording_id}>
      <Link className={classes.open} to={path} data-testid="open-recording">
        <span>
          <strong>{localDateTime(item.started_at, i18n.language)}</strong>
          <small>{duration(item.duration_ms, i18n.language)}</small>
        </span>
        <span className={classes.who} title={customer}>
          {customer}
          <small>{people}</small>
        </span>
        <span className={classes.who} title={item.agent_name ?? ""}>
          <small>{t("common.agent")}</small>
          {item.agent_name ?? t("common.unknown")}
        </span>
        <span>
          {item.severity > 0 && <SeverityBadge severity={item.severity} />}
          <small>
            {item.harassment_categories.map((code) => codeWord(t, "category", code)).join(t("common.comma"))}
          </small>
        </span>
        <span className={classes.proof}>
          <span>{t("recordings.sealed")}</span>
          <CheckMark check={item.last_check} />
        </span>
      </Link>
      {item.hits.length > 0 && (
        <ul className={classes.hits}>
          {item.hits.slice(0, SHOWN_HITS).map((hit) => (
            <li key={hit.utterance_id}>
              <Link
                to={`${path}?${new URLSearchParams({ at: String(hit.start_ms), words }).toString()}`}
                data-testid="hit"
                data-start-ms={hit.start_ms}
              >
                ▶ {clock(hit.start_ms)}
              </Link>
              <span>{speakerWord(t, hit.speaker)}</span>
              <q>
                <Found text={hit.text} words={words} />
              </q>
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}

/** Marks what was searched where it stands in the text as typed; a match by reading stays unmarked. */
function Found({ text, words }: { text: string; words: string }) {
  const term = searchTerms(words).find((candidate) => text.includes(candidate));
  if (term === undefined) return text;
  const at = text.indexOf(term);
  return (
    <>
      {text.slice(0, at)}
      <mark>{term}</mark>
      {text.slice(at + term.length)}
    </>
  );
}
