import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useParams } from "react-router";
import { getCall } from "../api/endpoints";
import { CallTitle } from "../desk/CallBar";
import { LineDot } from "../desk/LineDot";
import { StepList, WarningLadder } from "../desk/Steps";
import { usePlaybook } from "../desk/usePlaybook";
import { clock } from "../i18n/format";
import { emptyCall } from "../live/callState";
import { CallAssistance } from "../desk/CallAssistance";
import { Conversation } from "../live/Conversation";
import { useCall, useDesk } from "../live/DeskLineContext";
import { textLatency } from "../live/textLatency";
import { VoiceChip } from "../live/VoiceChip";
import { LanguageSwitch } from "../ui/LanguageSwitch";
import { Problem } from "../ui/Notice";
import { TopBar } from "../ui/TopBar";
import { useNow } from "../ui/useNow";
import { ApproveEnding } from "./ApproveEnding";
import classes from "./Board.module.css";
import { CallFacts } from "./CallFacts";

/** A supervisor reads along; nothing here reaches the agent but the approval of the call's end. */
export function BoardCallPage() {
  const { callId = "" } = useParams();
  const { t } = useTranslation();
  const { line } = useDesk();
  const { call: followed } = useCall(callId);
  const call = followed ?? emptyCall(callId);
  const latency = useMemo(() => textLatency(call.utterances), [call.utterances]);
  const playbook = usePlaybook();
  const now = useNow();
  const [focus, setFocus] = useState<{ utteranceId: string; nonce: number } | null>(null);
  const { data: about = null, error } = useQuery({
    queryKey: ["call", callId],
    queryFn: () => getCall(callId),
    refetchInterval: 5_000,
  });
  const show = (utteranceId: string) => setFocus({ utteranceId, nonce: Date.now() });
  const durationMs =
    call.ended?.duration_ms ??
    about?.duration_ms ??
    (about === null ? call.mediaMs : Math.max(call.mediaMs, now - Date.parse(about.started_at)));
  return (
    <div className={classes.page}>
      <TopBar title={<CallTitle about={about} call={call} />}>
        <Link to="/board" className={classes.back} data-testid="back-to-board">
          ← {t("board.back")}
        </Link>
        <span className={classes.duration}>{clock(durationMs)}</span>
        <VoiceChip call={call} line={line} />
        <span className={classes.grow} />
        <LineDot line={line} latency={call.ended === null ? latency : null} />
        <LanguageSwitch />
      </TopBar>
      {error !== null && <Problem error={error} />}
      <main className={classes.reading}>
        <Conversation call={call} focus={focus} toLatest={0}>
          <CallAssistance call={call} line={line} callMs={durationMs} />
        </Conversation>
        <aside className={classes.aside}>
          <p className={classes.soft}>{t("board.read_only")}</p>
          <CallFacts about={about} call={call} />
          <WarningLadder call={call} playbook={playbook} onShow={show} />
          {about !== null && call.ended === null && <ApproveEnding call={about} />}
          <StepList call={call} playbook={playbook} onShow={show} />
        </aside>
      </main>
    </div>
  );
}
