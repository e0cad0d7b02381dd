import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import { Fragment, type ReactNode } from "react";
import type { CaseRevision, Utterance } from "../api/events";
import { clock } from "../i18n/format";
import classes from "./Case.module.css";

const PARTS = ["matter", "course", "demand", "response", "promises"] as const;
const TAG_KINDS = ["demand_type", "cause", "product_group", "ministry"] as const;

type Keeping = NonNullable<CaseRevision["record_keeping"]>;

interface Props {
  record: CaseRevision | null;
  utterances: readonly Utterance[];
  isLive: boolean;
  onShow: (utteranceId: string) => void;
}

/** The call in short once it is over: five parts in words that were spoken, its tags, and what to keep. */
export function CallSummary({ record, utterances, isLive, onShow }: Props) {
  return isLive || record === null ? null : <Told record={record} utterances={utterances} onShow={onShow} />;
}

function Told({ record, utterances, onShow }: Omit<Props, "isLive" | "record"> & { record: CaseRevision }) {
  const { t } = useTranslation();
  const summary = record.summary ?? {};
  const tags = record.tags ?? [];
  const keeping = record.record_keeping ?? null;
  if (Object.keys(summary).length === 0 && tags.length === 0 && keeping === null) return null;
  return (
    <section aria-label={t("desk.summary.title")} data-testid="call-summary">
      <h3 className={classes.summaryHeading}>{t("desk.summary.title")}</h3>
      <dl className={classes.facts}>
        {PARTS.map((part) => {
          const told = summary[part];
          if (told === undefined) return null;
          const source = told.utterance_ids[0];
          return (
            <Part key={part} name={t(`desk.summary.part.${part}`)}>
              {told.value}{" "}
              {source !== undefined && (
                <button type="button" className={classes.link} onClick={() => onShow(source)}>
                  {t("desk.case.go")}
                </button>
              )}
            </Part>
          );
        })}
        {TAG_KINDS.map((kind) => {
          const found = tags.filter((tag) => tag.kind === kind);
          if (found.length === 0) return null;
          return (
            <Part key={kind} name={t(`desk.summary.kind.${kind}`)}>
              {found.map((tag, at) => (
                <Fragment key={tag.id}>
                  {at > 0 && t("common.comma")}
                  <Sourced ids={tag.utterance_ids} utterances={utterances} onShow={onShow}>
                    {tagWord(t, kind, tag)}
                  </Sourced>
                </Fragment>
              ))}
            </Part>
          );
        })}
        <Part name={t("desk.summary.keeping")}>
          <span data-testid="record-keeping">
            <Sourced ids={keeping?.utterance_ids ?? []} utterances={utterances} onShow={onShow}>
              {keepingWord(t, keeping)}
            </Sourced>
          </span>
        </Part>
      </dl>
    </section>
  );
}

interface SourcedProps {
  ids: readonly string[];
  utterances: readonly Utterance[];
  onShow: Props["onShow"];
  children: string;
}

/** A word that leads to what was said for it, and shows it when pointed at; plain where nothing was said for it. */
function Sourced({ ids, utterances, onShow, children }: SourcedProps) {
  const source = utterances.find((utterance) => ids.includes(utterance.utterance_id));
  if (source === undefined) return children;
  return (
    <button
      type="button"
      className={classes.sourced}
      title={`${clock(source.start_ms)} ${source.text}`}
      onClick={() => onShow(source.utterance_id)}
    >
      {children}
    </button>
  );
}

function Part({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

/** Tags and criteria are the playbook's: one that this page has no word for shows in the playbook's own. */
function tagWord(t: TFunction, kind: string, tag: { id: string; label: string }): string {
  return t(`tag.${kind}.${tag.id}` as "desk.summary.title", { defaultValue: tag.label });
}

function keepingWord(t: TFunction, keeping: Keeping | null): string {
  if (keeping === null) return t("desk.summary.keep_open");
  const reason = t(`record_rule.${keeping.rule_id}` as "desk.summary.title", {
    defaultValue: keeping.reason,
  });
  return `${t(keeping.required ? "desk.summary.keep" : "desk.summary.keep_not")}: ${reason}`;
}
