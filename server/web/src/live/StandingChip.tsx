import { useTranslation } from "react-i18next";
import type { CallState } from "./callState";
import { callStanding } from "./callStanding";
import type { LineState } from "./liveSocket";
import classes from "./VoiceChip.module.css";

interface Props {
  call: CallState;
  callMs: number;
  line: LineState;
}

/** One word on what the phone system says of the call: on hold, transferred, caller known. */
export function StandingChip({ call, callMs, line }: Props) {
  const { t } = useTranslation();
  const standing = line.phase === "online" ? callStanding(call, callMs) : null;
  return (
    <span role="status" className={classes.place}>
      {standing !== null && (
        <span className={classes.chip} data-testid="call-standing" data-state={standing}>
          {t(`standing.${standing}`)}
        </span>
      )}
    </span>
  );
}
