import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { getCall } from "../api/endpoints";
import type { Guidance } from "../api/events";
import type { CallSummary } from "../api/types";
import { Conversation } from "../live/Conversation";
import { useCall, useDesk, useDeskLine } from "../live/DeskLineContext";
import { emptyCall, type CallState } from "../live/callState";
import { TopBar } from "../ui/TopBar";
import { useKeys } from "../ui/useKeys";
import { useNow } from "../ui/useNow";
import { CallAssistance } from "./CallAssistance";
import { CallBar, CallTitle } from "./CallBar";
import { CasePane } from "./CasePane";
import classes from "./Desk.module.css";
import { LineBanner } from "./DeskPage";
import { GuidancePane } from "./GuidancePane";
import { KeysDialog } from "./KeysDialog";
import { MaskingBanner } from "./MaskingBanner";
import { standingCards } from "./guidanceDeck";
import { useHelp } from "./useHelp";
import { useMasking } from "./useMasking";

interface Props {
  callId: string;
  /** The call as the service lists it while it is live. */
  summary: CallSummary | null;
  others: readonly CallSummary[];
  unsaved: boolean;
  onOpen: (callId: string) => void;
  onDone: () => void;
}

export function CallDesk({ callId, summary, others, unsaved, onOpen, onDone }: Props) {
  const line = useDeskLine();
  const { line: lineState } = useDesk();
  const { call: followed, edits } = useCall(callId);
  const call = followed ?? emptyCall(callId);
  const { data: fetched } = useQuery({
    queryKey: ["call", callId],
    queryFn: () => getCall(callId),
    enabled: summary === null,
  });
  const about = summary ?? fetched ?? null;
  const now = useNow();
  const callMs = elapsedMs(call.ended?.duration_ms ?? about?.duration_ms ?? null, about, call.mediaMs, now);

  const [focus, setFocus] = useState<{ utteranceId: string; nonce: number } | null>(null);
  const [latest, setLatest] = useState(0);
  const [keysShown, setKeysShown] = useState(false);
  const [turned, setTurned] = useState({ top: "", by: 0 });
  const isLive = call.ended === null && about?.state !== "ended";
  const cards = cardsNow(call, callMs, isLive);
  // A new card comes up by itself; the agent's own turning of cards counts from the newest.
  const topId = cards[0]?.guidance_id ?? "";
  const by = turned.top === topId ? turned.by : 0;
  const nextCard = () => setTurned({ top: topId, by: by + 1 });
  const show = (utteranceId: string) => setFocus({ utteranceId, nonce: Date.now() });
  const help = useHelp(callId, about);
  const masking = useMasking(callId, call);

  useKeys([
    { key: "F2", run: () => isLive && help.ask(), whileTyping: true },
    { key: "F4", run: () => isLive && (masking.isOn ? masking.stop() : masking.start()), whileTyping: true },
    { key: "F8", run: nextCard, whileTyping: true },
    { key: "F9", run: nextEmptyField, whileTyping: true },
    { key: "Ctrl+Enter", run: () => line.save(callId), whileTyping: true },
    { key: "End", run: () => setLatest((count) => count + 1) },
    { key: "?", run: () => setKeysShown(true) },
  ]);

  return (
    <div className={classes.page}>
      <TopBar title={<CallTitle about={about} call={call} />} unsaved={unsaved}>
        <CallBar
          about={about}
          call={call}
          callMs={callMs}
          line={lineState}
          help={help}
          masking={masking}
          isLive={isLive}
          others={others}
          onOpen={onOpen}
          onKeys={() => setKeysShown(true)}
        />
      </TopBar>
      <LineBanner />
      <MaskingBanner masking={masking} callMs={callMs} />
      <main className={classes.columns}>
        <Conversation call={call} focus={focus} toLatest={latest}>
          <CallAssistance call={call} line={lineState} callMs={callMs} />
        </Conversation>
        <GuidancePane
          call={call}
          edits={edits}
          cards={cards}
          index={cards.length === 0 ? 0 : by % cards.length}
          isLive={isLive}
          onNext={nextCard}
          onShow={show}
        />
        <CasePane callId={callId} call={call} edits={edits} isLive={isLive} onShow={show} onDone={onDone} />
      </main>
      <KeysDialog opened={keysShown} onClose={() => setKeysShown(false)} />
    </div>
  );
}

/** The cards that still hold; once the call is over there is nobody left to say them to. */
function cardsNow(call: CallState, callMs: number, isLive: boolean): Guidance[] {
  return isLive ? standingCards(call, callMs) : [];
}

/** Puts the cursor into the next empty field of the case, after the one it is in. */
function nextEmptyField(): void {
  const inputs = [
    ...document.querySelectorAll<HTMLInputElement>("[data-testid=case-field] :is(input, textarea[name])"),
  ];
  const at = inputs.findIndex((input) => input === document.activeElement);
  const turned = [...inputs.slice(at + 1), ...inputs.slice(0, at + 1)];
  (turned.find((input) => input.value.trim() === "") ?? turned[0])?.focus();
}

/** How long the call has gone on, never less than what was already said in it. */
function elapsedMs(
  durationMs: number | null,
  about: CallSummary | null,
  mediaMs: number,
  now: number,
): number {
  if (durationMs !== null) return durationMs;
  return about === null ? mediaMs : Math.max(mediaMs, now - Date.parse(about.started_at));
}
