import { useTranslation } from "react-i18next";
import { AssistanceNote } from "../live/AssistanceNote";
import type { CallState } from "../live/callState";
import type { LineState } from "../live/liveSocket";
import { recordingState } from "./recordingState";

/** What the recogniser sheds in a call, as far as the page knows it now: without the line it says nothing. */
export function CallAssistance({ call, line, callMs }: { call: CallState; line: LineState; callMs: number }) {
  const { t } = useTranslation();
  const isKnown = line.phase === "online" && call.ended === null;
  const recording = recordingState(call, callMs);
  const isRecorded = recording === "on" || recording === "lossy";
  return (
    <AssistanceNote
      level={isKnown ? (call.assistance?.level ?? null) : null}
      recording={isRecorded ? t("assistance.recording_continues") : null}
    />
  );
}
