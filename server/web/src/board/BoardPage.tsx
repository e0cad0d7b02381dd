import { useTranslation } from "react-i18next";
import type { Wallboard } from "../api/types";
import { LineDot } from "../desk/LineDot";
import { localTime, localTimeWithSeconds } from "../i18n/format";
import { LanguageSwitch } from "../ui/LanguageSwitch";
import { Loading, Problem } from "../ui/Notice";
import { TopBar } from "../ui/TopBar";
import { useNow } from "../ui/useNow";
import classes from "./Board.module.css";
import { LiveCalls } from "./LiveCalls";
import { QueueRow } from "./QueueRow";
import { useWallboard } from "./useWallboard";

export function BoardPage() {
  const { t } = useTranslation();
  const { board, line, error } = useWallboard();
  return (
    <div className={classes.page}>
      <TopBar title={t("board.title")}>
        <span className={classes.grow} />
        {line.phase === "waiting" && (
          <strong role="status" data-testid="board-stale">
            {t("board.stale")}
          </strong>
        )}
        <LineDot line={line} textLatencyMs={null} />
        <LanguageSwitch />
      </TopBar>
      <main className={classes.main} id="content">
        {board !== null ? (
          <Board board={board} current={line.phase === "online"} />
        ) : error !== null ? (
          <Problem error={error} />
        ) : (
          <Loading />
        )}
      </main>
    </div>
  );
}

function Board({ board, current }: { board: Wallboard; current: boolean }) {
  const { t, i18n } = useTranslation();
  const now = useNow();
  const atMs = Date.parse(board.at);
  return (
    <>
      <section aria-label={t("board.queues")}>
        {board.queues.length === 0 && <p className={classes.none}>{t("board.no_queues")}</p>}
        {board.queues.map((figures) => (
          <QueueRow
            key={figures.queue}
            figures={figures}
            atMs={atMs}
            nowMs={now}
            basis={t("board.formula.basis", { time: localTime(board.since, i18n.language) })}
          />
        ))}
      </section>
      <LiveCalls calls={board.calls} nowMs={now} />
      <p className={classes.at}>
        {t("board.at", { time: localTimeWithSeconds(current ? now : board.at, i18n.language) })}
      </p>
    </>
  );
}
