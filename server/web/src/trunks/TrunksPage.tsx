import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { listTrunks } from "../api/endpoints";
import type { TrunkList } from "../api/types";
import { dayAndTime, localTimeWithSeconds } from "../i18n/format";
import { LanguageSwitch } from "../ui/LanguageSwitch";
import { Loading, Problem } from "../ui/Notice";
import { TopBar } from "../ui/TopBar";
import { TrunkRow } from "./TrunkRow";
import classes from "./Trunks.module.css";

const LOOK_EVERY_MS = 5_000;
const COLUMNS = ["name", "standing", "calls", "taken", "refused", "last_call", "last_media"] as const;

/** The lines by which calls come in: how each stands, and what to do where one does not work. */
export function TrunksPage() {
  const { t } = useTranslation();
  const asked = useQuery({ queryKey: ["trunks"], queryFn: listTrunks, refetchInterval: LOOK_EVERY_MS });
  return (
    <div className={classes.page}>
      <TopBar title={t("trunks.title")}>
        <Link className={classes.back} to="/board">
          {t("trunks.back")}
        </Link>
        <span className={classes.grow} />
        <LanguageSwitch />
      </TopBar>
      <main className={classes.main} id="content">
        {asked.error !== null && <Problem error={asked.error} onRetry={() => void asked.refetch()} />}
        {asked.data !== undefined ? <Lines lines={asked.data} /> : asked.error === null && <Loading />}
      </main>
    </div>
  );
}

function Lines({ lines }: { lines: TrunkList }) {
  const { t, i18n } = useTranslation();
  const troubled = lines.items.filter((line) => line.state === "warning").length;
  const since = lines.items.map((line) => line.opened_at).sort()[0];
  if (since === undefined) return <p className={classes.verdict}>{t("trunks.none")}</p>;
  return (
    <>
      <p className={classes.verdict} data-troubled={troubled > 0} role="status">
        {troubled > 0 ? t("trunks.with_problems", { count: troubled }) : t("trunks.all_well")}
      </p>
      <table className={classes.table}>
        <thead>
          <tr>
            {COLUMNS.map((column) => (
              <th key={column} scope="col">
                {t(`trunks.${column}`)}
              </th>
            ))}
          </tr>
        </thead>
        {[...lines.items]
          .sort((one, other) => Number(other.state === "warning") - Number(one.state === "warning"))
          .map((line) => (
            <TrunkRow key={line.name} line={line} />
          ))}
      </table>
      <p className={classes.at}>
        {t("trunks.at", {
          time: localTimeWithSeconds(lines.at, i18n.language),
          since: dayAndTime(since, i18n.language),
        })}
      </p>
    </>
  );
}
