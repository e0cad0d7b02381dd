import { Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { clock, signed } from "../i18n/format";
import type { CallState } from "./callState";
import type { LineState } from "./liveSocket";
import classes from "./VoiceChip.module.css";

/** Says quietly that the caller speaks louder than at first, and by how much; without the line it says nothing. */
export function VoiceChip({ call, line }: { call: CallState; line: LineState }) {
  const { t } = useTranslation();
  const voice = line.phase === "online" && call.ended === null && call.voice?.raised ? call.voice : null;
  return (
    <span role="status" className={classes.place}>
      {voice !== null && (
        <Tooltip
          label={t("voice.help", { since: clock(voice.since_ms) })}
          events={{ hover: true, focus: true, touch: true }}
          multiline
          w={300}
        >
          <span className={classes.chip} tabIndex={0} data-testid="voice-raised">
            {t("voice.raised")}
            <span className={classes.figures}>{t("voice.level", { db: signed(voice.level_db) })}</span>
            {voice.pitch_semitones !== null && (
              <span className={classes.figures}>
                {t("voice.pitch", { semitones: signed(voice.pitch_semitones) })}
              </span>
            )}
          </span>
        </Tooltip>
      )}
    </span>
  );
}
