import { Button } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Guidance } from "../api/events";
import type { Playbook } from "../api/types";
import { clock } from "../i18n/format";
import type { CallState } from "../live/callState";
import type { EditState } from "../live/caseEdits";
import { RuleDisclosure } from "../ui/RuleDisclosure";
import { SeverityBadge } from "../ui/Severity";
import { codeWord } from "../ui/words";
import classes from "./Guidance.module.css";
import { cardSeverity } from "./guidanceDeck";
import { openQuestions } from "./questions";
import { StepList, WarningLadder } from "./Steps";
import { usePlaybook } from "./usePlaybook";

interface Props {
  call: CallState;
  edits: EditState;
  cards: readonly Guidance[];
  index: number;
  isLive: boolean;
  onNext: () => void;
  onShow: (utteranceId: string) => void;
}

export function GuidancePane({ call, edits, cards, index, isLive, onNext, onShow }: Props) {
  const { t } = useTranslation();
  const playbook = usePlaybook();
  const questions = openQuestions(call, edits, playbook?.checklist ?? [], 3);
  const shown = cards[index] ?? null;
  const last = shown === null ? (call.guidance.at(-1) ?? null) : null;
  return (
    <section className={classes.pane} aria-label={t("desk.guidance.title")}>
      <h2 className={classes.heading}>{t("desk.guidance.title")}</h2>
      <div aria-live="polite">
        {shown !== null ? (
          <Card
            call={call}
            playbook={playbook}
            card={shown}
            index={index}
            count={cards.length}
            onNext={onNext}
            onShow={onShow}
          />
        ) : (
          <div className={classes.calm} data-testid="guidance-none">
            <p>{t(isLive ? "desk.guidance.none" : "desk.guidance.over")}</p>
            {isLive && <p className={classes.soft}>{t("desk.guidance.none_more")}</p>}
          </div>
        )}
      </div>
      {last !== null && (
        <details className={classes.earlier}>
          <summary>
            {t("desk.guidance.earlier")} ({clock(last.at_ms)})
          </summary>
          {last.say}
        </details>
      )}
      <WarningLadder call={call} playbook={playbook} onShow={onShow} />
      <StepList call={call} playbook={playbook} onShow={onShow} />
      <h2 className={classes.heading}>{t("desk.missing.title")}</h2>
      {questions.length === 0 ? (
        <p className={classes.soft}>{t("desk.missing.all")}</p>
      ) : (
        <ul className={classes.questions} data-testid="missing">
          {questions.map((question) => (
            <li key={question.key} data-field={question.field ?? undefined}>
              {question.text ?? (question.field === null ? "" : t(`desk.case.question.${question.field}`))}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

interface CardProps {
  call: CallState;
  playbook: Playbook | null;
  card: Guidance;
  index: number;
  count: number;
  onNext: () => void;
  onShow: (utteranceId: string) => void;
}

const STAGES = [
  "step1",
  "step2",
  "step3",
  "step4",
  "ladder1",
  "ladder2",
  "ladder3",
  "ladder4",
  "ladder5",
  "safety",
  "correction",
] as const;

function Card({ call, playbook, card, index, count, onNext, onShow }: CardProps) {
  const { t } = useTranslation();
  const severity = cardSeverity(card, call.alerts);
  const alert = call.alerts.find((candidate) => candidate.alert_id === card.alert_id) ?? null;
  const stage = STAGES.find((known) => known === card.stage);
  const step = playbook?.ladder.find((rung) => rung.id === card.stage)?.label ?? "";
  const from = alert?.utterance_ids.at(-1);
  return (
    <article
      className={classes.card}
      data-testid="guidance-card"
      data-severity={severity}
      data-stage={card.stage}
      data-guidance-id={card.guidance_id}
    >
      <p className={classes.meta}>
        <span className={classes.stage}>
          {stage === undefined ? card.stage : t(`desk.guidance.stage.${stage}`)} {step}
        </span>
        {severity > 0 && (
          <SeverityBadge
            severity={severity}
            label={alert === null ? undefined : codeWord(t, "category", alert.category)}
          />
        )}
      </p>
      <p className={classes.say} data-testid="guidance-say">
        {card.say}
      </p>
      <dl className={classes.reasons}>
        <dt>{t("desk.guidance.why")}</dt>
        <dd>
          {card.why}
          {from !== undefined && (
            <button type="button" className={classes.link} onClick={() => onShow(from)}>
              {clock(call.utterances.find((utterance) => utterance.utterance_id === from)?.start_ms ?? 0)}
            </button>
          )}
        </dd>
        <dt>{t("desk.guidance.source")}</dt>
        <dd className={classes.source} title={card.source}>
          {card.source}
        </dd>
      </dl>
      {alert !== null && (
        <RuleDisclosure key={alert.alert_id} callId={call.callId} alertId={alert.alert_id} />
      )}
      {count > 1 && (
        <p className={classes.turn}>
          <span>{t("desk.guidance.count", { index: index + 1, count })}</span>
          <Button size="compact-sm" variant="default" onClick={onNext} data-testid="guidance-next">
            {t("desk.guidance.next")} <kbd className={classes.kbd}>F8</kbd>
          </Button>
        </p>
      )}
    </article>
  );
}
