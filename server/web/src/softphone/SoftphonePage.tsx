import { Alert, Anchor, Button, NativeSelect, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { ApiProblem, Unreachable } from "../api/client";
import { listSoftphones } from "../api/endpoints";
import { clock } from "../i18n/format";
import { Loading, Problem, useProblemText } from "../ui/Notice";
import { TopBar } from "../ui/TopBar";
import { useNow } from "../ui/useNow";
import { NONE, SHARED, useInputs } from "./devices";
import { Meter } from "./Meter";
import classes from "./Softphone.module.css";
import { useSoftphone, type Choice, type Softphone } from "./useSoftphone";

/** Records a call from this computer's inputs; opened in a small window beside the desk. */
export function SoftphonePage() {
  const { t } = useTranslation();
  const { data, error, refetch } = useQuery({ queryKey: ["softphones"], queryFn: listSoftphones });
  const phone = useSoftphone();
  const talking = phone.phase === "recording" || phone.phase === "held";
  return (
    <div className={classes.page}>
      <TopBar title={t("softphone.title")} unsaved={talking}>
        {/* Leaving this page ends the call. */}
        {!talking && (
          <Anchor component={Link} to="/desk" size="sm">
            {t("softphone.back")}
          </Anchor>
        )}
      </TopBar>
      <main className={classes.body} id="content">
        {error !== null && <Problem error={error} onRetry={() => void refetch()} />}
        {error === null && data === undefined && <Loading />}
        {data !== undefined && <Body trunks={data.trunks} phone={phone} talking={talking} />}
      </main>
    </div>
  );
}

function Body({ trunks, phone, talking }: { trunks: readonly string[]; phone: Softphone; talking: boolean }) {
  const { t } = useTranslation();
  const trunk = trunks[0];
  if (trunk === undefined) return <Notice text={t("softphone.no_trunk")} />;
  if (!window.isSecureContext) return <Notice text={t("softphone.not_secure")} />;
  return (
    <>
      {phone.error !== null && <Trouble error={phone.error} />}
      {phone.phase === "lost" && <Notice text={t("softphone.lost")} />}
      {talking ? <Talking phone={phone} /> : <Setup trunk={trunk} phone={phone} />}
    </>
  );
}

function Setup({ trunk, phone }: { trunk: string; phone: Softphone }) {
  const { t } = useTranslation();
  const [choice, setChoice] = useState<Choice>({ trunk, mic: "", other: SHARED, number: "" });
  const inputs = useInputs(phone.phase !== "idle");
  const named = inputs
    .filter((input) => input.deviceId !== "" && input.deviceId !== "default")
    .map((input, place) => ({
      value: input.deviceId,
      label: input.label === "" ? t("softphone.unnamed_input", { number: place + 1 }) : input.label,
    }));
  const change = (part: Partial<Choice>) => setChoice({ ...choice, ...part });
  const same = choice.other === choice.mic && choice.mic !== "";
  return (
    <>
      <p className={classes.intro}>{t("softphone.intro")}</p>
      <NativeSelect
        label={t("softphone.mic")}
        value={choice.mic}
        onChange={(event) => change({ mic: event.currentTarget.value })}
        data={[{ value: "", label: t("softphone.default_input") }, ...named]}
        data-testid="mic"
      />
      <NativeSelect
        label={t("softphone.other")}
        value={choice.other}
        onChange={(event) => change({ other: event.currentTarget.value })}
        data={[
          { value: SHARED, label: t("softphone.shared") },
          ...named,
          { value: NONE, label: t("softphone.none") },
        ]}
        data-testid="other"
      />
      {choice.other === NONE && <p className={classes.note}>{t("softphone.none_note")}</p>}
      {same && <p className={classes.note}>{t("softphone.same_note")}</p>}
      <TextInput
        label={t("softphone.number")}
        value={choice.number}
        onChange={(event) => change({ number: event.currentTarget.value })}
        inputMode="tel"
        maxLength={40}
        autoComplete="off"
        data-testid="number"
      />
      <Button
        size="lg"
        loading={phone.phase === "starting"}
        disabled={same}
        onClick={() => void phone.start(choice)}
        data-testid="start"
      >
        {t(phone.phase === "starting" ? "softphone.starting" : "softphone.start")}
      </Button>
    </>
  );
}

function Talking({ phone }: { phone: Softphone }) {
  const { t } = useTranslation();
  const held = phone.phase === "held";
  const sides = [t("softphone.mic"), t("softphone.other")];
  return (
    <>
      <p className={classes.status} data-phase={phone.phase} role="status" data-testid="phase">
        {t(held ? "softphone.held" : "softphone.recording")}
        <Elapsed since={phone.since} />
      </p>
      {phone.tracks.map((track, side) => (
        <Meter key={track.id} side={sides[side] ?? ""} track={track} muted={side === 0 && phone.muted} />
      ))}
      {phone.tracks.length === 1 && <p className={classes.note}>{t("softphone.none_note")}</p>}
      <div className={classes.buttons}>
        <Button
          variant="default"
          aria-pressed={phone.muted}
          onClick={() => phone.mute(!phone.muted)}
          data-testid="mute"
        >
          {t(phone.muted ? "softphone.unmute" : "softphone.mute")}
        </Button>
        <Button
          variant="default"
          aria-pressed={held}
          onClick={() => void phone.hold(!held)}
          data-testid="hold"
        >
          {t(held ? "softphone.resume" : "softphone.hold")}
        </Button>
        <Button ml="auto" onClick={() => void phone.end()} data-testid="end">
          {t("softphone.end")}
        </Button>
      </div>
    </>
  );
}

function Elapsed({ since }: { since: number | null }) {
  const now = useNow();
  return <span className={classes.time}>{since === null ? "" : clock(Math.max(0, now - since))}</span>;
}

function Trouble({ error }: { error: unknown }) {
  const { t } = useTranslation();
  const text = useProblemText();
  if (error instanceof ApiProblem || error instanceof Unreachable) return <Notice text={text(error)} />;
  const refused = error instanceof DOMException && error.name === "NotAllowedError";
  return <Notice text={t(refused ? "softphone.refused" : "softphone.busy")} />;
}

function Notice({ text }: { text: string }) {
  return (
    <Alert role="alert" variant="outline" color="gray" data-testid="notice">
      {text}
    </Alert>
  );
}
