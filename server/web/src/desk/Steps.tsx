import { useTranslation } from "react-i18next";
import type { Playbook } from "../api/types";
import { clock } from "../i18n/format";
import type { CallState } from "../live/callState";
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
          const label = `${at + 1}. ${step.label}: ${done ? `${t("desk.ladder.heard")} ${clock(heard.atMs)}` : t("desk.ladder.not_heard")}`;
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
    </section>
  );
}

const STEPS = ["step1", "step2", "step3", "step4"] as const;

/** The four steps of a complaint call, with what in each was heard. */
export function StepList({ call, playbook, onShow }: Props) {
  const { t } = useTranslation();
  return (
    <section aria-label={t("desk.checklist.title")}>
      <h2 className={classes.heading}>{t("desk.checklist.title")}</h2>
      <ol className={classes.steps} data-testid="checklist">
        {STEPS.map((step, at) => {
          const items = playbook?.checklist.filter((item) => item.step === step) ?? [];
          const done = items.filter((item) => call.checklist[item.id]?.done === true);
          const complete = items.length > 0 && done.length === items.length;
          return (
            <li key={step} data-testid="checklist-step" data-step={step} data-done={complete}>
              <span className={classes.stepName}>
                <span className={classes.rung}>{complete ? "✓" : at + 1}</span>
                {t(`desk.checklist.step.${step}`)}
              </span>
              <span className={classes.items}>
                {items.map((item) => {
                  const heard = call.checklist[item.id];
                  const isDone = heard?.done === true;
                  const state = isDone
                    ? `${t("desk.checklist.done")} ${clock(heard.atMs)}`
                    : t("desk.checklist.open");
                  return (
                    <button
                      key={item.id}
                      type="button"
                      className={classes.item}
                      data-testid="checklist-item"
                      data-item={item.id}
                      data-done={isDone}
                      title={`${item.label}: ${state}`}
                      aria-label={`${item.label}: ${state}`}
                      disabled={!isDone || heard.utteranceId === null}
                      onClick={() => heard?.utteranceId != null && onShow(heard.utteranceId)}
                    >
                      {isDone ? "✓" : "○"} {item.label}
                    </button>
                  );
                })}
              </span>
            </li>
          );
        })}
      </ol>
    </section>
  );
}
