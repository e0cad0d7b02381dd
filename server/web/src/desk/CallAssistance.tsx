import { AssistanceNote } from "../live/AssistanceNote";
import type { CallState } from "../live/callState";
import type { LineState } from "../live/liveSocket";
import { recordingState } from "./recordingState";

/** What the recogniser sheds in a call, as far as the page knows it now: without the line it says nothing. */
export function CallAssistance({ call, line, callMs }: { call: CallState; line: LineState; callMs: number }) {
  const isKnown = line.phase === "online" && call.ended === null;
  const recording = recordingState(call, callMs);
  return (
    <AssistanceNote
      level={isKnown ? (call.assistance?.level ?? null) : null}
      isRecorded={recording === "on" || recording === "lossy"}
    />
  );
}
