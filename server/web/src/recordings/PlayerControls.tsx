import { Button, SegmentedControl } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { clock } from "../i18n/format";
import classes from "./Player.module.css";
import type { AudioPlayer, PlayerState } from "./audioPlayer";

const RATES = ["0.75", "1", "1.25", "1.5", "2"];
const SKIP_MS = 5_000;

interface Props {
  player: AudioPlayer;
  state: PlayerState;
  durationMs: number;
  purpose: string;
}

export function PlayerControls({ player, state, durationMs, purpose }: Props) {
  const { t } = useTranslation();
  return (
    <div className={classes.controls} data-testid="player">
      <div className={classes.buttons}>
        <Button variant="default" onClick={() => player.skip(-SKIP_MS)} aria-label={t("recordings.rewind")}>
          −5 s
        </Button>
        <Button onClick={player.toggle} miw={104} data-testid="play" data-playing={state.playing}>
          {state.playing ? `❚❚ ${t("recordings.pause")}` : `▶ ${t("recordings.play")}`}
        </Button>
        <Button variant="default" onClick={() => player.skip(SKIP_MS)} aria-label={t("recordings.forward")}>
          +5 s
        </Button>
        <span
          className={classes.position}
          data-testid="position"
          data-position-ms={Math.round(state.positionMs)}
        >
          {clock(state.positionMs)} / {clock(durationMs)}
        </span>
        <SegmentedControl
          size="xs"
          aria-label={t("recordings.speed")}
          data-testid="speed"
          value={String(state.rate)}
          data={RATES.map((rate) => ({ value: rate, label: `${rate}×` }))}
          onChange={(rate) => player.setRate(Number(rate))}
        />
      </div>
      {state.failed && <p role="alert">{t("recordings.audio_failed")}</p>}
      <p className={classes.soft}>
        {t("recordings.purpose_now", { purpose })}・{t("recordings.keys")}
      </p>
    </div>
  );
}
