import { Button, CopyButton, Table } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { verifyRecording } from "../api/endpoints";
import type { RecordingDetail, VerifyResult } from "../api/types";
import { duration, exactTime } from "../i18n/format";
import { useProblemText } from "../ui/Notice";
import { SeverityIcon } from "../ui/Severity";
import { LedgerBars } from "./LedgerBars";
import classes from "./Proof.module.css";

interface Props {
  recording: RecordingDetail;
  /** The purpose given for listening, if any; a check needs one too. */
  purpose: string;
  onChecked: () => void;
}

const NOT_PROVEN = ["identity", "time", "inside", "before", "text"] as const;

export function ProofTab({ recording, purpose, onChecked }: Props) {
  const { t, i18n } = useTranslation();
  return (
    <div className={classes.grid}>
      <section className={classes.wide} data-testid="ledger">
        <h2>{t("recordings.ledger.title")}</h2>
        <p>
          {t("recordings.ledger.text", {
            duration: duration(recording.duration_ms, i18n.language),
            ms: recording.duration_ms.toLocaleString(i18n.language),
          })}
        </p>
        <LedgerBars channels={recording.ledger.channels} />
      </section>
      <section className={classes.wide}>
        <Verify recordingId={recording.recording_id} purpose={purpose} onChecked={onChecked} />
      </section>
      <section>
        <Hashes recording={recording} />
      </section>
      <section>
        <Custody recording={recording} />
      </section>
      <section className={classes.wide} data-testid="not-proven">
        <h2>{t("recordings.not_proven.title")}</h2>
        <ul className={classes.plain}>
          {NOT_PROVEN.map((key) => (
            <li key={key}>{t(`recordings.not_proven.${key}`)}</li>
          ))}
        </ul>
      </section>
    </div>
  );
}

function Verify({
  recordingId,
  purpose,
  onChecked,
}: {
  recordingId: string;
  purpose: string;
  onChecked: () => void;
}) {
  const { t } = useTranslation();
  const problemText = useProblemText();
  const [typed, setTyped] = useState<string | null>(null);
  const why = typed ?? purpose;
  const { mutate, data, isPending, error } = useMutation({
    mutationFn: () => verifyRecording(recordingId, why.trim()),
    onSuccess: onChecked,
  });
  return (
    <>
      <h2>{t("recordings.verify.title")}</h2>
      <p>{t("recordings.verify.text")}</p>
      <form
        className={classes.verifyForm}
        data-testid="verify-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (why.trim() !== "") mutate();
        }}
      >
        <input
          name="verify-purpose"
          aria-label={t("recordings.verify.purpose")}
          placeholder={t("recordings.verify.purpose")}
          required
          maxLength={200}
          autoComplete="off"
          value={why}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <Button type="submit" loading={isPending} disabled={why.trim() === ""} data-testid="verify">
          {isPending ? t("recordings.verify.running") : t("recordings.verify.run")}
        </Button>
      </form>
      {error !== null && <p role="alert">{problemText(error)}</p>}
      {data !== undefined && <VerifyOutcome result={data} />}
    </>
  );
}

function VerifyOutcome({ result }: { result: VerifyResult }) {
  const { t, i18n } = useTranslation();
  return (
    <div data-testid="verify-result" data-ok={result.ok} role="status">
      <p className={classes.outcome} data-ok={result.ok}>
        {result.ok ? "✓ " : <SeverityIcon severity={3} />}{" "}
        {result.ok ? t("recordings.verify.ok") : t("recordings.verify.failed")}
        {!result.ok && <small>{t("recordings.verify.failed_next")}</small>}
        <small>{t("recordings.checked_at", { time: exactTime(result.checked_at, i18n.language) })}</small>
      </p>
      <Table withRowBorders className={classes.checks ?? ""}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("recordings.verify.check")}</Table.Th>
            <Table.Th>{t("recordings.verify.expected")}</Table.Th>
            <Table.Th>{t("recordings.verify.came")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {failedFirst(result.checks).map((check) => (
            <Table.Tr key={check.name} data-testid="verify-check" data-name={check.name} data-ok={check.ok}>
              <Table.Td>
                <span className={classes.check} data-ok={check.ok}>
                  {check.ok ? "✓" : "✕"} {check.ok ? t("recordings.check_ok") : t("recordings.check_failed")}
                </span>
                <br />
                {checkName(t, check.name)}
              </Table.Td>
              <Table.Td className={classes.hash ?? ""}>{check.expected}</Table.Td>
              <Table.Td className={classes.hash ?? ""}>{cameWords(t, check.came)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function failedFirst(checks: VerifyResult["checks"]): VerifyResult["checks"] {
  return [...checks.filter((check) => !check.ok), ...checks.filter((check) => check.ok)];
}

/** Hashes and numbers as they are; the service's one sentence in the reader's language. */
function cameWords(t: TFunction, came: string): string {
  return came.includes(" does not decode") ? t("recordings.verify.undecodable", { text: came }) : came;
}

const CHECKS = [
  "manifest-self-hash",
  "manifest-sha256",
  "schema",
  "file-present",
  "file-size",
  "file-sha256",
  "sample-count",
  "pcm-sha256",
] as const;

/** What was compared, in words; the ledger's checks are one per channel and unit. */
function checkName(t: TFunction, name: string): string {
  const known = CHECKS.find((check) => check === name);
  if (known !== undefined) return t(`recordings.verify.name.${known}`);
  const ledger = /^ledger-(.+)-channel-(\d+)$/.exec(name);
  if (ledger === null) return name;
  const unit = (["samples", "ms"] as const).find((one) => one === ledger[1]);
  return t("recordings.verify.name.ledger", {
    unit: unit === undefined ? ledger[1] : t(`recordings.verify.unit.${unit}`),
    channel: ledger[2],
  });
}

function Hashes({ recording }: { recording: RecordingDetail }) {
  const { t, i18n } = useTranslation();
  return (
    <>
      <h2>{t("recordings.hash.title")}</h2>
      <dl className={classes.hashes}>
        <dt>{t("recordings.hash.manifest")}</dt>
        <Hash value={recording.manifest_sha256} testId="manifest-sha256" />
        <dt>{t("recordings.hash.pcm")}</dt>
        <Hash value={recording.pcm_sha256} testId="pcm-sha256" />
        <dt>{t("recordings.hash.format")}</dt>
        <dd>
          {t("recordings.hash.format_value", {
            rate: recording.sample_rate_hz,
            channels: recording.channels.length,
            count: recording.sample_count.toLocaleString(i18n.language),
          })}
        </dd>
        <dt>{t("recordings.verify.sealed_at")}</dt>
        <dd>{exactTime(recording.sealed_at, i18n.language)}</dd>
      </dl>
    </>
  );
}

function Hash({ value, testId }: { value: string; testId: string }) {
  const { t } = useTranslation();
  return (
    <dd className={classes.hash} data-testid={testId}>
      {value}
      <CopyButton value={value}>
        {({ copied, copy }) => (
          <button type="button" className={classes.link} onClick={copy}>
            {copied ? t("common.copied") : t("recordings.hash.copy")}
          </button>
        )}
      </CopyButton>
    </dd>
  );
}

const ACTIONS = ["play", "verify", "reuse", "look_up"] as const;

function Custody({ recording }: { recording: RecordingDetail }) {
  const { t, i18n } = useTranslation();
  return (
    <>
      <h2>{t("recordings.custody.title")}</h2>
      {recording.accesses.length === 0 && <p>{t("recordings.custody.none")}</p>}
      <ol className={classes.timeline} data-testid="custody">
        {recording.accesses.map((access) => {
          const action = ACTIONS.find((known) => known === access.action);
          return (
            <li key={access.access_id} data-testid="access" data-action={access.action}>
              <time>{exactTime(access.at, i18n.language)}</time>
              <span>
                {access.user}:{" "}
                {action === undefined ? access.action : t(`recordings.custody.action.${action}`)}
                {access.reads > 0 && ` (${t("recordings.custody.reads", { count: access.reads })})`}
              </span>
              <span className={classes.soft}>{access.purpose}</span>
            </li>
          );
        })}
      </ol>
    </>
  );
}
