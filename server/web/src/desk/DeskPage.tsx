import { useSessionStorage } from "@mantine/hooks";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { useDesk, useDeskLine } from "../live/DeskLineContext";
import { hasUnsaved } from "../live/caseEdits";
import { LanguageSwitch } from "../ui/LanguageSwitch";
import { TopBar } from "../ui/TopBar";
import { CallDesk } from "./CallDesk";
import classes from "./Desk.module.css";
import { IdleDesk } from "./IdleDesk";
import { LineDot } from "./LineDot";

/** Chooses what the desk shows: the live call first, else the call whose case is open, else the waiting page. */
export function DeskPage() {
  const { t } = useTranslation();
  const { liveCalls, line, edits, refused } = useDesk();
  const [opened, setOpened] = useSessionStorage<string | null>({
    key: "koemori.desk.call",
    defaultValue: null,
    getInitialValueInEffect: false,
  });
  const liveIds = (liveCalls ?? []).filter((call) => call.state === "live").map((call) => call.call_id);
  const openedIsLive = opened !== null && liveIds.includes(opened);
  const kept = opened !== null && refused.has(opened) ? null : opened;
  const shown = openedIsLive ? opened : (liveIds[0] ?? kept);
  useEffect(() => {
    if (shown !== opened) setOpened(shown);
  }, [shown, opened, setOpened]);
  const unsaved = [...edits.values()].some(hasUnsaved);

  if (shown !== null) {
    const summary = liveCalls?.find((call) => call.call_id === shown) ?? null;
    const others = (liveCalls ?? []).filter((call) => call.state === "live" && call.call_id !== shown);
    return (
      <CallDesk
        key={shown}
        callId={shown}
        summary={summary}
        others={others}
        unsaved={unsaved}
        onOpen={setOpened}
        onDone={() => setOpened(null)}
      />
    );
  }
  return (
    <div className={classes.page}>
      <TopBar title={t("desk.title")} unsaved={unsaved}>
        <span className={classes.grow} />
        <LineDot line={line} latency={null} />
        <LanguageSwitch />
      </TopBar>
      <LineBanner />
      <IdleDesk onOpen={setOpened} />
    </div>
  );
}

/** Says in words that the line is down, since a dot is easily missed. */
export function LineBanner() {
  const { t } = useTranslation();
  const { line } = useDesk();
  const deskLine = useDeskLine();
  useEffect(() => {
    const again = () => {
      if (document.visibilityState === "visible") deskLine.retryNow();
    };
    document.addEventListener("visibilitychange", again);
    return () => document.removeEventListener("visibilitychange", again);
  }, [deskLine]);
  if (line.phase !== "waiting" && !(line.phase === "connecting" && line.attempt > 0)) return null;
  return (
    <div className={classes.banner} role="status" data-testid="line-banner">
      <strong>{t("line.waiting", { attempt: line.attempt })}</strong> {t("line.recording_continues")}
    </div>
  );
}
