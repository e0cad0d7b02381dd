import { useTranslation } from "react-i18next";
import { Link } from "react-router";
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
  const { t, i18n } = useTranslation();
  const { board, line, error } = useWallboard();
  const stale = line.phase === "waiting" || (line.phase === "connecting" && line.attempt > 0);
  return (
    <div className={classes.page}>
      <TopBar title={t("board.title")}>
        <span className={classes.grow} />
        <Link className={classes.lines} to="/trunks">
          {t("trunks.open")}
        </Link>
        <LineDot line={line} latency={null} />
        <LanguageSwitch />
      </TopBar>
      {stale && board !== null && (
        <p className={classes.stale} role="status" data-testid="board-stale">
          {t("board.stale", { time: localTimeWithSeconds(board.at, i18n.language) })}
        </p>
      )}
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
  const ticking = useNow();
  const atMs = Date.parse(board.at);
  // Without news nobody knows who still waits: figures that go on counting would claim it.
  const now = current ? ticking : atMs;
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
      <LiveCalls calls={board.calls} nowMs={now} current={current} />
      <p className={classes.at}>
        {t("board.at", { time: localTimeWithSeconds(current ? now : board.at, i18n.language) })}
      </p>
    </>
  );
}
