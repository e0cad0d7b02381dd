import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Playbook, PlaybookItem } from "../api/types";
import { clock } from "../i18n/format";
import type { CallState, ChecklistState } from "../live/callState";
import classes from "./Guidance.module.css";

interface Props {
  call: CallState;
  playbook: Playbook | null;
  onShow: (utteranceId: string) => void;
}

const LADDER = ["ladder1", "ladder2", "ladder3", "ladder4", "ladder5"] as const;

/** The five steps from asking to ending; each lights up when it was heard on the line. */
export function WarningLadder({ call, playbook, onShow }: Props) {
  const { t } = useTranslation();
  const steps = playbook?.ladder ?? LADDER.map((id) => ({ id, label: t(`desk.guidance.stage.${id}`) }));
  return (
    <section aria-label={t("desk.ladder.title")}>
      <h2 className={classes.heading}>{t("desk.ladder.title")}</h2>
      <ol className={classes.ladder} data-testid="ladder">
        {steps.map((step, at) => {
          const heard = call.checklist[step.id];
          const done = heard?.done === true;
          const approval = call.approval?.step === step.id ? call.approval : null;
          const state =
            approval !== null
              ? `${t("desk.ladder.approved_by", { name: approval.approver_name })} ${clock(approval.at_ms)}`
              : done
                ? `${t("desk.ladder.heard")} ${clock(heard.atMs)}`
                : t("desk.ladder.not_heard");
          const label = `${at + 1}. ${step.label}: ${state}`;
          return (
            <li key={step.id} data-testid="ladder-step" data-item={step.id} data-done={done} title={label}>
              <button
                type="button"
                disabled={!done || heard.utteranceId === null}
                aria-label={label}
                onClick={() => heard?.utteranceId != null && onShow(heard.utteranceId)}
              >
                <span className={classes.rung}>{done ? "✓" : at + 1}</span>
                <span className={classes.rungLabel}>{step.label}</span>
              </button>
            </li>
          );
        })}
      </ol>
      {call.approval !== null && (
        <p className={classes.approved} role="status" data-testid="ending-approved">
          ✓ {t("desk.ladder.ending_approved")}{" "}
          <span>
            {call.approval.approver_name} {clock(call.approval.at_ms)}
          </span>
        </p>
      )}
    </section>
  );
}

const STEPS = ["step1", "step2", "step3", "step4"] as const;

/**
 * The four steps of a complaint call, with what in each was heard. Only the step the agent is in lies open: twenty
 * lines at once are more than anybody can take in while being spoken to.
 */
export function StepList({ call, playbook, onShow }: Props) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState<string | null>(null);
  const isDone = (id: string) => call.checklist[id]?.done === true;
  const steps = STEPS.map((step) => {
    const items = playbook?.checklist.filter((item) => item.step === step) ?? [];
    const done = items.filter((item) => isDone(item.id)).length;
    return { step, items, done, complete: items.length > 0 && done === items.length };
  });
  const current = opened ?? steps.find(({ complete }) => !complete)?.step;
  return (
    <section aria-label={t("desk.checklist.title")}>
      <h2 className={classes.heading}>{t("desk.checklist.title")}</h2>
      <ol className={classes.steps} data-testid="checklist">
        {steps.map(({ step, items, done, complete }, at) => (
          <li key={step} data-testid="checklist-step" data-step={step} data-done={complete}>
            <button
              type="button"
              className={classes.stepName}
              aria-expanded={step === current}
              onClick={() => setOpened(step === opened ? null : step)}
            >
              <span className={classes.rung}>{complete ? "✓" : at + 1}</span>
              {t(`desk.checklist.step.${step}`)}
              {items.length > 0 && (
                <span className={classes.count}>
                  {done} / {items.length}
                </span>
              )}
            </button>
            <div className={classes.items} hidden={step !== current}>
              {items.map((item) => (
                <StepItem key={item.id} item={item} heard={call.checklist[item.id]} onShow={onShow} />
              ))}
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}

interface ItemProps {
  item: PlaybookItem;
  heard: ChecklistState | undefined;
  onShow: (utteranceId: string) => void;
}

function StepItem({ item, heard, onShow }: ItemProps) {
  const { t } = useTranslation();
  const done = heard?.done === true;
  const state = done ? `${t("desk.checklist.done")} ${clock(heard.atMs)}` : t("desk.checklist.open");
  const utteranceId = done ? heard.utteranceId : null;
  return (
    <button
      type="button"
      className={classes.item}
      data-testid="checklist-item"
      data-item={item.id}
      data-done={done}
      title={`${item.label}: ${state}`}
      aria-label={`${item.label}: ${state}`}
      disabled={utteranceId === null}
      onClick={() => utteranceId !== null && onShow(utteranceId)}
    >
      {done ? "✓" : "○"} {item.label}
    </button>
  );
}
