import { Tooltip } from "@mantine/core";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import type { VoiceChange } from "../api/events";
import { clock, signed } from "../i18n/format";
import type { CallState } from "./callState";
import type { LineState } from "./liveSocket";
import classes from "./VoiceChip.module.css";

function helpText(t: TFunction, voice: VoiceChange): string {
  const help = t("voice.help", { since: clock(voice.since_ms) });
  if (voice.pitch_semitones === null) return help;
  return `${help} ${t("voice.pitch", { semitones: signed(voice.pitch_semitones) })}`;
}

/** Says quietly that the caller speaks louder than at first, and by how much; without the line it says nothing. */
export function VoiceChip({ call, line }: { call: CallState; line: LineState }) {
  const { t } = useTranslation();
  const voice = line.phase === "online" && call.ended === null && call.voice?.raised ? call.voice : null;
  return (
    <span role="status" className={classes.place}>
      {voice !== null && (
        <Tooltip
          label={helpText(t, voice)}
          events={{ hover: true, focus: true, touch: true }}
          multiline
          w={300}
        >
          <span className={classes.chip} tabIndex={0} data-testid="voice-raised">
            {t("voice.raised")}
            <span className={classes.figures}>{t("voice.level", { db: signed(voice.level_db) })}</span>
          </span>
        </Tooltip>
      )}
    </span>
  );
}
