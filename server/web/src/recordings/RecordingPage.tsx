import { Tabs } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useParams } from "react-router";
import { getRecording } from "../api/endpoints";
import type { RecordingDetail } from "../api/types";
import { LanguageSwitch } from "../ui/LanguageSwitch";
import { Loading, Problem } from "../ui/Notice";
import { TopBar } from "../ui/TopBar";
import { ListenTab } from "./ListenTab";
import classes from "./Player.module.css";
import { ProofTab } from "./ProofTab";
import { RecordingSummaryBar } from "./RecordingSummaryBar";

/** A purpose was given and listening is open. */
export interface Access {
  purpose: string;
  audioUrl: string;
}

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
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [access, setAccess] = useState<Access | null>(null);
  const reread = () => {
    void queries.invalidateQueries({ queryKey: ["recording", recording.recording_id] });
    void queries.invalidateQueries({ queryKey: ["recordings"] });
  };
  return (
    <main className={classes.main} id="content">
      <RecordingSummaryBar recording={recording} />
      <Tabs defaultValue="transcript" className={classes.tabs ?? ""}>
        <Tabs.List>
          <Tabs.Tab value="transcript" data-testid="tab-transcript">
            {t("recordings.transcript")}
          </Tabs.Tab>
          <Tabs.Tab value="proof" data-testid="tab-proof">
            {t("recordings.proof")}
          </Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="transcript" className={classes.panel ?? ""}>
          <ListenTab
            recording={recording}
            access={access}
            onOpened={(opened) => {
              setAccess(opened);
              reread();
            }}
          />
        </Tabs.Panel>
        <Tabs.Panel value="proof" className={classes.proofPanel ?? ""}>
          <ProofTab recording={recording} purpose={access?.purpose ?? ""} onChecked={reread} />
        </Tabs.Panel>
      </Tabs>
    </main>
  );
}
