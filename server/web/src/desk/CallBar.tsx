import { Button, Popover, Text, Tooltip } from "@mantine/core";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { CallSummary } from "../api/types";
import { clock, localTime } from "../i18n/format";
import type { CallState } from "../live/callState";
import type { LineState } from "../live/liveSocket";
import { StandingChip } from "../live/StandingChip";
import { textLatency } from "../live/textLatency";
import { VoiceChip } from "../live/VoiceChip";
import { LanguageSwitch } from "../ui/LanguageSwitch";
import { useProblemText } from "../ui/Notice";
import classes from "./Desk.module.css";
import { LineDot } from "./LineDot";
import { MaskingButton } from "./MaskingBanner";
import { recordingState } from "./recordingState";
import type { Help } from "./useHelp";
import type { Masking } from "./useMasking";

interface TitleProps {
  about: CallSummary | null;
  call: CallState;
}

/** Who is on the phone: the name the case knows, else the number. */
export function CallTitle({ about, call }: TitleProps) {
  const { t } = useTranslation();
  const name = call.caseRevision?.fields["customer_name"]?.value || about?.customer_name || null;
  const number = about?.customer_number ?? null;
  const text = name === null ? (number ?? t("desk.caller_unknown")) : `${name} 様`;
  return (
    <span data-testid="caller" title={[name, number].filter(Boolean).join(" / ")}>
      {text}
      {name !== null && number !== null && <span className={classes.number}>{number}</span>}
    </span>
  );
}

interface BarProps {
  about: CallSummary | null;
  call: CallState;
  callMs: number;
  line: LineState;
  help: Help;
  masking: Masking;
  isLive: boolean;
  others: readonly CallSummary[];
  onOpen: (callId: string) => void;
  onKeys: () => void;
}

export function CallBar(props: BarProps) {
  const { about, call, callMs, line, help, masking, isLive, others, onOpen, onKeys } = props;
  const { t } = useTranslation();
  // Without the line the page does not know, and must not say that it does.
  const isKnown = line.phase === "online" || call.ended !== null;
  const latency = useMemo(() => textLatency(call.utterances), [call.utterances]);
  const recording = isKnown ? recordingState(call, callMs) : "unknown";
  return (
    <>
      {about?.queue != null && (
        <span className={classes.queue} title={`${t("desk.queue")}: ${about.queue}`} data-testid="queue">
          {about.queue}
        </span>
      )}
      <span className={classes.timer} role="timer" aria-label={t("desk.timer")} data-testid="call-timer">
        {clock(callMs)}
      </span>
      <Tooltip
        label={t(`desk.recording_help.${recording}`)}
        events={{ hover: true, focus: true, touch: true }}
      >
        <span className={classes.recording} tabIndex={0} data-testid="recording-state" data-state={recording}>
          <span className={classes.square} aria-hidden="true" />
          {t(`desk.recording.${recording}`)}
        </span>
      </Tooltip>
      <StandingChip call={call} callMs={callMs} line={line} />
      <VoiceChip call={call} line={line} />
      <span className={classes.grow} />
      {others.map((other) => (
        <Button
          key={other.call_id}
          size="compact-sm"
          variant="default"
          maw={180}
          title={other.customer_name ?? other.customer_number ?? undefined}
          onClick={() => onOpen(other.call_id)}
        >
          {t("desk.other_call")}:{" "}
          {other.customer_name ?? other.customer_number ?? other.queue ?? other.call_id}
        </Button>
      ))}
      <LineDot line={line} latency={isLive ? latency : null} />
      {isLive && !masking.isOn && <MaskingButton masking={masking} />}
      {isLive && <HelpButton help={help} />}
      <Button variant="subtle" color="gray" c="var(--k-ink-2)" size="compact-sm" px={6} onClick={onKeys}>
        <kbd className={classes.kbd}>?</kbd>
        <span className="k-sr">{t("desk.keys")}</span>
      </Button>
      <LanguageSwitch />
    </>
  );
}

function HelpButton({ help }: { help: Help }) {
  const { t } = useTranslation();
  const problemText = useProblemText();
  if (help.askedAt !== null) return <HelpAsked help={help} askedAt={help.askedAt} />;
  return (
    <Popover opened={help.error !== null} withArrow>
      <Popover.Target>
        <Button size="compact-md" loading={help.busy} onClick={help.ask} data-testid="help">
          {t("desk.help")}
          <kbd className={classes.kbdOn}>F2</kbd>
        </Button>
      </Popover.Target>
      <Popover.Dropdown role="alert">{help.error !== null && problemText(help.error)}</Popover.Dropdown>
    </Popover>
  );
}

/** Says who knows, and takes the request back. */
function HelpAsked({ help, askedAt }: { help: Help; askedAt: string }) {
  const { t, i18n } = useTranslation();
  const problemText = useProblemText();
  const [opened, setOpened] = useState(false);
  return (
    <Popover opened={opened} onChange={setOpened} withArrow>
      <Popover.Target>
        <Button
          size="compact-md"
          variant="outline"
          onClick={() => setOpened(!opened)}
          data-testid="help"
          data-asked="true"
        >
          ✓ {t("desk.help_asked")}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Text size="sm" mb="xs" role="status">
          {t("desk.help_since", { time: localTime(askedAt, i18n.language) })}
        </Text>
        <Button
          size="compact-sm"
          variant="default"
          loading={help.busy}
          onClick={help.withdraw}
          data-testid="help-cancel"
        >
          {t("desk.help_cancel")}
        </Button>
        {help.error !== null && (
          <Text size="sm" mt="xs" role="alert">
            {problemText(help.error)}
          </Text>
        )}
      </Popover.Dropdown>
    </Popover>
  );
}
