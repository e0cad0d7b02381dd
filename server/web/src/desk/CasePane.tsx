import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { getCase } from "../api/endpoints";
import { CASE_FIELDS, type CaseField as FieldName, type History } from "../api/events";
import { clock } from "../i18n/format";
import type { CallState } from "../live/callState";
import { fieldView, type EditState, type FieldView } from "../live/caseEdits";
import { useDesk, useDeskLine } from "../live/DeskLineContext";
import { codeWord } from "../ui/words";
import { CallSummary } from "./CallSummary";
import classes from "./Case.module.css";
import { CaseField } from "./CaseField";
import { PastCalls } from "./PastCalls";

interface Props {
  callId: string;
  call: CallState;
  edits: EditState;
  isLive: boolean;
  onShow: (utteranceId: string) => void;
  onDone: () => void;
}

export function CasePane({ callId, call, edits, isLive, onShow, onDone }: Props) {
  const { t } = useTranslation();
  const line = useDeskLine();
  const [pointed, setPointed] = useState<FieldName | null>(null);
  const past = useRef<HTMLElement>(null);
  const record = call.caseRevision;
  useStoredCase(callId, call);
  return (
    <section className={classes.pane} aria-label={t("desk.case.title")}>
      <Head
        isLive={isLive}
        history={call.history}
        onEarlier={() => past.current?.scrollIntoView({ block: "start" })}
      />
      <form
        className={classes.form}
        data-testid="case-form"
        onSubmit={(event) => {
          event.preventDefault();
          line.save(callId);
        }}
      >
        {CASE_FIELDS.map((field) => (
          <CaseField
            key={field}
            field={field}
            view={fieldView(edits, field, record?.fields[field])}
            onType={(text) => line.type(callId, field, text)}
            onSave={() => line.save(callId, [field])}
            onDiscard={() => line.discard(callId, field)}
            onPoint={setPointed}
          />
        ))}
        <dl className={classes.facts}>
          <dt>{t("desk.case.end_state")}</dt>
          <dd data-testid="end-state" data-value={record?.end_state ?? "open"}>
            {codeWord(t, "end_state", record?.end_state ?? "open")}
          </dd>
          <dt>{t("desk.case.categories")}</dt>
          <dd data-testid="case-categories">
            {record === null || record.harassment_categories.length === 0
              ? t("desk.case.no_categories")
              : record.harassment_categories
                  .map((code) => codeWord(t, "category", code))
                  .join(t("common.comma"))}
          </dd>
          <dt>{t("desk.case.validity")}</dt>
          <dd data-testid="demand-validity">
            {codeWord(t, "validity", record?.demand_validity ?? "unknown")}
          </dd>
          <dt>{t("desk.case.manner")}</dt>
          <dd data-testid="manner">{codeWord(t, "manner", record?.manner ?? "calm")}</dd>
        </dl>
        <CallSummary record={record} utterances={call.utterances} isLive={isLive} onShow={onShow} />
        <PastCalls history={call.history} ref={past} />
      </form>
      <SourceStrip
        call={call}
        field={pointed}
        view={pointed === null ? null : fieldView(edits, pointed, record?.fields[pointed])}
        onShow={onShow}
      />
      <Footer edits={edits} isLive={isLive} onSave={() => line.save(callId)} onDone={onDone} />
    </section>
  );
}

interface HeadProps {
  isLive: boolean;
  history: History | null;
  onEarlier: () => void;
}

/** The title, and that there were earlier calls: on a small screen their list lies below what is seen. */
function Head({ isLive, history, onEarlier }: HeadProps) {
  const { t } = useTranslation();
  const earlierCount = history?.earlier_calls.length ?? 0;
  return (
    <header className={classes.headingRow}>
      <h2 className={classes.heading}>{t(isLive ? "desk.case.title" : "desk.idle.after_call")}</h2>
      {earlierCount > 0 && (
        <button type="button" className={classes.link} onClick={onEarlier} data-testid="to-past-calls">
          {t("desk.case.past.show", { count: earlierCount })}
        </button>
      )}
    </header>
  );
}

/** After the call the stored case may hold edits that came after its last event. */
function useStoredCase(callId: string, call: CallState): void {
  const line = useDeskLine();
  const over = call.ended !== null;
  const { data } = useQuery({ queryKey: ["case", callId], queryFn: () => getCase(callId), enabled: over });
  useEffect(() => {
    if (over && data !== undefined) line.adoptCase(data);
  }, [over, data, line]);
}

interface StripProps {
  call: CallState;
  field: FieldName | null;
  view: FieldView | null;
  onShow: (utteranceId: string) => void;
}

/** Where a field's value comes from. It has a place of its own, so that it never covers the words to say. */
function SourceStrip({ call, field, view, onShow }: StripProps) {
  const { t } = useTranslation();
  const ids = view?.utteranceIds ?? [];
  const source = call.utterances.findLast((utterance) => ids.includes(utterance.utterance_id));
  const known = field !== null && view !== null && view.text !== "";
  return (
    <div className={classes.source} data-testid="field-source" data-field={field ?? undefined}>
      {known && source !== undefined && (
        <>
          <span className={classes.sourceHead}>
            <span>
              {t(`desk.case.field.${field}`)}・{t("desk.case.from", { time: clock(source.start_ms) })}
              {view.status === "proposed" &&
                `・${t("desk.case.confidence", { percent: Math.round(view.confidence * 100) })}`}
            </span>
            <button type="button" className={classes.link} onClick={() => onShow(source.utterance_id)}>
              {t("desk.case.go")}
            </button>
          </span>
          <q className={classes.quote} title={source.text}>
            {source.text}
          </q>
        </>
      )}
      {!known && <span className={classes.sourceHead}>{t("desk.case.source_hint")}</span>}
      {known && source === undefined && (
        <span className={classes.sourceHead}>
          {t(`desk.case.field.${field}`)}・
          {t(view.status === "proposed" ? "desk.case.no_quote" : "desk.case.by_agent")}
        </span>
      )}
    </div>
  );
}

interface FooterProps {
  edits: EditState;
  isLive: boolean;
  onSave: () => void;
  onDone: () => void;
}

function Footer({ edits, isLive, onSave, onDone }: FooterProps) {
  const { t } = useTranslation();
  const { line } = useDesk();
  const drafts = Object.keys(edits.drafts).length;
  const offline = line.phase !== "online";
  const word = () => {
    if (edits.refused.length > 0) return t("desk.case.refused");
    if (drafts > 0) return t("desk.case.unsaved", { count: drafts });
    if (edits.pending.length > 0) return offline ? t("desk.case.offline") : t("desk.case.saving");
    return t("desk.case.saved");
  };
  return (
    <div className={classes.footer}>
      <span className={classes.saveState} role="status" data-testid="save-state">
        {word()}
      </span>
      <Button
        size="compact-md"
        variant={isLive || drafts > 0 ? "filled" : "default"}
        disabled={drafts === 0}
        onClick={onSave}
        data-testid="save"
      >
        {t("desk.case.save")} <kbd className={classes.kbd}>{t("desk.case.save_hint")}</kbd>
      </Button>
      {!isLive && (
        <Button
          size="compact-md"
          disabled={drafts > 0 || edits.pending.length > 0}
          onClick={onDone}
          data-testid="after-call-done"
        >
          {t("desk.idle.done")}
        </Button>
      )}
    </div>
  );
}
