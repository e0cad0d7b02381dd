import { useQuery } from "@tanstack/react-query";
import { useRef, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { getWaveform } from "../api/endpoints";
import type { RecordingDetail } from "../api/types";
import { useKeys } from "../ui/useKeys";
import { AlertList } from "./AlertList";
import { heardAt, searchTerms } from "./alignWords";
import { AudioPlayer } from "./audioPlayer";
import classes from "./Player.module.css";
import { PlayerControls } from "./PlayerControls";
import { PurposeForm } from "./PurposeForm";
import type { Access } from "./RecordingPage";
import { TranscriptPane } from "./TranscriptPane";
import { Waveforms } from "./Waveforms";

const WAVEFORM_POINTS = 1200;
const SKIP_MS = 5_000;

interface Props {
  recording: RecordingDetail;
  access: Access | null;
  onOpened: (access: Access) => void;
}

export function ListenTab({ recording, access, onOpened }: Props) {
  const { t } = useTranslation();
  const [params] = useSearchParams();
  const [player] = useState(() => new AudioPlayer(recording.duration_ms));
  const state = useSyncExternalStore(player.subscribe, player.getState);
  // Where to begin once listening is allowed: the hit that was searched for, or the word that was clicked.
  const [startMs, setStartMs] = useState<number | null>(() => startOf(params, recording));
  const purposeInput = useRef<HTMLInputElement>(null);
  const { data: waveform, error } = useQuery({
    queryKey: ["waveform", recording.recording_id],
    queryFn: () => getWaveform(recording.recording_id, WAVEFORM_POINTS),
    staleTime: Infinity,
  });
  const isOpen = access !== null;
  const askFirst = (ms: number) => {
    setStartMs(ms);
    purposeInput.current?.focus();
  };
  useKeys([
    { key: "j", run: () => isOpen && player.skip(-SKIP_MS) },
    { key: "k", run: () => isOpen && player.toggle() },
    { key: "l", run: () => isOpen && player.skip(SKIP_MS) },
  ]);
  const positionMs = isOpen ? state.positionMs : (startMs ?? 0);

  return (
    <>
      <div className={classes.listen}>
        <Waveforms
          recording={recording}
          peaks={waveform?.channels ?? null}
          positionMs={positionMs}
          onSeek={isOpen ? player.seek : askFirst}
        />
        {error !== null && <p className={classes.soft}>{t("recordings.waveform_failed")}</p>}
        {access === null ? (
          <PurposeForm
            recordingId={recording.recording_id}
            inputRef={purposeInput}
            startMs={startMs}
            onOpened={(purpose, audioUrl) => onOpened({ purpose, audioUrl })}
          />
        ) : (
          <PlayerControls
            player={player}
            state={state}
            durationMs={recording.duration_ms}
            purpose={access.purpose}
          />
        )}
        <AlertList recording={recording} onPlayFrom={isOpen ? player.playFrom : askFirst} />
      </div>
      <TranscriptPane
        recording={recording}
        positionMs={positionMs}
        playing={state.playing}
        onPlayFrom={isOpen ? player.playFrom : askFirst}
      />
      {access !== null && (
        <Sound
          attach={player.attach}
          source={access.audioUrl}
          onReady={() => {
            if (startMs !== null) player.playFrom(startMs);
          }}
        />
      )}
    </>
  );
}

interface SoundProps {
  attach: AudioPlayer["attach"];
  source: string;
  onReady: () => void;
}

function Sound({ attach, source, onReady }: SoundProps) {
  return <audio ref={attach} src={source} preload="auto" data-testid="audio" onLoadedMetadata={onReady} />;
}

/** The moment an address asks for: the searched word within the utterance that begins at `at`. */
function startOf(params: URLSearchParams, recording: RecordingDetail): number | null {
  const at = Number(params.get("at") ?? "");
  if (!params.has("at") || !Number.isFinite(at) || at < 0) return null;
  const said = recording.transcript.find((utterance) => utterance.start_ms === at);
  return said === undefined ? at : heardAt(said, searchTerms(params.get("words") ?? ""));
}
