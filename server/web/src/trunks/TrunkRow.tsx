import { useTranslation } from "react-i18next";
import type { TrunkFinding, TrunkStanding } from "../api/types";
import { dayAndTime } from "../i18n/format";
import { codeWord } from "../ui/words";
import classes from "./Trunks.module.css";

/** One line: its figures, and below them what is to be said of it. */
export function TrunkRow({ line }: { line: TrunkStanding }) {
  const { t, i18n } = useTranslation();
  const moment = (at: string | null) => (at === null ? t("trunks.never") : dayAndTime(at, i18n.language));
  return (
    <tbody data-testid="trunk" data-trunk={line.name} data-state={line.state}>
      <tr>
        <th scope="row" className={classes.name}>
          {line.name}
          <small>{codeWord(t, "trunks.kind", line.kind)}</small>
        </th>
        <td>
          <span className={classes.state} data-state={line.state}>
            {t(`trunks.state.${line.state}`)}
          </span>
        </td>
        <td className={classes.figure}>
          {line.calls_live} <small>{t("trunks.of_most", { most: line.max_calls })}</small>
        </td>
        <td className={classes.figure}>{line.calls_taken.toLocaleString(i18n.language)}</td>
        <td className={classes.figure}>{line.refused.toLocaleString(i18n.language)}</td>
        <td>{moment(line.last_call_at)}</td>
        <td>{moment(line.last_media_at)}</td>
      </tr>
      <tr className={classes.more}>
        <td colSpan={7}>
          {line.findings.length > 0 && (
            <ul className={classes.findings}>
              {line.findings.map((finding) => (
                <Finding key={`${finding.on}-${finding.code}`} finding={finding} />
              ))}
            </ul>
          )}
          <dl className={classes.facts}>
            <Fact term={t("trunks.places")} values={line.places} />
            {line.media !== null && <Fact term={t("trunks.media")} values={[line.media]} />}
            <Fact term={t("trunks.allow")} values={line.allow} />
          </dl>
        </td>
      </tr>
    </tbody>
  );
}

function Finding({ finding }: { finding: TrunkFinding }) {
  const { i18n } = useTranslation();
  const language = i18n.language.startsWith("ja") ? "ja" : "en";
  return (
    <li className={classes.finding} data-grave={finding.grave} data-testid="trunk-finding">
      <strong>{finding.came[language]}</strong>
      <span>{finding.advice[language]}</span>
    </li>
  );
}

function Fact({ term, values }: { term: string; values: readonly string[] }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{values.join(", ")}</dd>
    </div>
  );
}
