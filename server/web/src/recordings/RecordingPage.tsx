import { Tabs } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useParams, useSearchParams } from "react-router";
import { getRecording, getWaveform } from "../api/endpoints";
import type { RecordingDetail } from "../api/types";
import { clock, localDateTime } from "../i18n/format";
import { LanguageSwitch } from "../ui/LanguageSwitch";
import { Loading, Problem } from "../ui/Notice";
import { SeverityBadge } from "../ui/Severity";
import { TopBar } from "../ui/TopBar";
import { useKeys } from "../ui/useKeys";
import { codeWord } from "../ui/words";
import { CheckMark } from "./CheckMark";
import classes from "./Player.module.css";
import { PlayerControls } from "./PlayerControls";
import { ProofTab } from "./ProofTab";
import { PurposeForm } from "./PurposeForm";
import { TranscriptPane } from "./TranscriptPane";
import { usePlayer } from "./usePlayer";
import { Waveforms } from "./Waveforms";

const WAVEFORM_POINTS = 1200;
const SKIP_MS = 5_000;

export function RecordingPage() {
  const { recordingId = "" } = useParams();
  const { t } = useTranslation();
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ["recording", recordingId],
    queryFn: () => getRecording(recordingId),
  });
  return (
    <div className={classes.page}>
      <TopBar title={t("recordings.detail")}>
        <Link to="/recordings" className={classes.back} data-testid="back-to-search">
          ← {t("recordings.title")}
        </Link>
        <span className={classes.grow} />
        <LanguageSwitch />
      </TopBar>
      {isPending && <Loading />}
      {error !== null && <Problem error={error} onRetry={() => void refetch()} />}
      {data !== undefined && <Detail key={data.recording_id} recording={data} />}
    </div>
  );
}

function Detail({ recording }: { recording: RecordingDetail }) {
  const { t, i18n } = useTranslation();
  const queries = useQueryClient();
  const [params] = useSearchParams();
  const [purpose, setPurpose] = useState("");
  const [audioUrl, setAudioUrl] = useState<string | null>(null);
  const player = usePlayer(audioUrl, recording.duration_ms);
  // Where to begin once listening is allowed: the hit that was searched for, or the word that was clicked.
  const [waiting, setWaiting] = useState<number | null>(() => startOf(params));
  const purposeInput = useRef<HTMLInputElement>(null);
  const { data: waveform, error: waveformError } = useQuery({
    queryKey: ["waveform", recording.recording_id],
    queryFn: () => getWaveform(recording.recording_id, WAVEFORM_POINTS),
    staleTime: Infinity,
  });

  const playFrom = (ms: number) => {
    if (audioUrl !== null) {
      player.playFrom(ms);
    } else {
      setWaiting(ms);
      purposeInput.current?.focus();
    }
  };
  const seek = (ms: number) => (audioUrl === null ? playFrom(ms) : player.seek(ms));
  useKeys([
    { key: "j", run: () => audioUrl !== null && player.skip(-SKIP_MS) },
    { key: "k", run: () => audioUrl !== null && player.toggle() },
    { key: "l", run: () => audioUrl !== null && player.skip(SKIP_MS) },
  ]);
  const reread = () => {
    void queries.invalidateQueries({ queryKey: ["recording", recording.recording_id] });
    void queries.invalidateQueries({ queryKey: ["recordings"] });
  };
  const position = audioUrl === null ? (waiting ?? 0) : player.positionMs;

  return (
    <main className={classes.main} id="content">
      <div className={classes.summary}>
        <strong>{recording.customer_name ?? recording.customer_number ?? t("desk.caller_unknown")}</strong>
        {recording.customer_name !== null && <span>{recording.customer_number}</span>}
        <span>{localDateTime(recording.started_at, i18n.language)}</span>
        <span>{clock(recording.duration_ms)}</span>
        <span>
          {t("common.agent")}: {recording.agent_name ?? t("common.unknown")}
        </span>
        {recording.queue !== null && <span>{recording.queue}</span>}
        {recording.severity > 0 && <SeverityBadge severity={recording.severity} />}
        <span>{recording.harassment_categories.map((code) => codeWord(t, "category", code)).join("、")}</span>
        <span className={classes.grow} />
        <span>{t("recordings.sealed")}</span>
        <CheckMark check={recording.last_check} />
      </div>
      <Tabs defaultValue="transcript" className={classes.tabs ?? ""} keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="transcript" data-testid="tab-transcript">
            {t("recordings.transcript")}
          </Tabs.Tab>
          <Tabs.Tab value="proof" data-testid="tab-proof">
            {t("recordings.proof")}
          </Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="transcript" className={classes.panel ?? ""}>
          <div className={classes.listen}>
            <Waveforms
              recording={recording}
              peaks={waveform?.channels ?? null}
              positionMs={position}
              onSeek={seek}
            />
            {waveformError !== null && <p className={classes.soft}>{t("recordings.waveform_failed")}</p>}
            {audioUrl === null ? (
              <PurposeForm
                recordingId={recording.recording_id}
                inputRef={purposeInput}
                startMs={waiting}
                onOpened={(given, url) => {
                  setPurpose(given);
                  setAudioUrl(url);
                  reread();
                }}
              />
            ) : (
              <PlayerControls player={player} durationMs={recording.duration_ms} purpose={purpose} />
            )}
          </div>
          <TranscriptPane
            recording={recording}
            positionMs={position}
            playing={player.playing}
            onPlayFrom={playFrom}
          />
        </Tabs.Panel>
        <Tabs.Panel value="proof" className={classes.proofPanel ?? ""}>
          <ProofTab recording={recording} purpose={purpose} onChecked={reread} />
        </Tabs.Panel>
      </Tabs>
      {audioUrl !== null && (
        <audio
          ref={player.audio}
          src={audioUrl}
          preload="auto"
          data-testid="audio"
          onLoadedMetadata={() => {
            if (waiting === null) return;
            player.playFrom(waiting);
            setWaiting(null);
          }}
        />
      )}
    </main>
  );
}

function startOf(params: URLSearchParams): number | null {
  const at = Number(params.get("at") ?? "");
  return params.has("at") && Number.isFinite(at) && at >= 0 ? at : null;
}
