import { Button, Group, Modal } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiProblem } from "../api/client";
import { approveEnding } from "../api/endpoints";
import type { CallSummary, LadderState } from "../api/types";
import { usePlaybook } from "../desk/usePlaybook";
import { clock } from "../i18n/format";
import { useProblemText } from "../ui/Notice";
import classes from "./Ladder.module.css";

interface Props {
  call: CallSummary;
}

/** Where a call stands on the warning ladder, and the approval of its end where that is the next thing it needs. */
export function Ladder({ call }: Props) {
  const { t } = useTranslation();
  const ladder = call.ladder;
  if (ladder == null) return null;
  const approved = ladder.done.find((step) => step.approved_by !== "");
  return (
    <span className={classes.ladder} data-testid="ladder-standing">
      <span className={classes.standing}>
        {t("board.ladder", { done: new Set(ladder.done.map((step) => step.step)).size })}
        {approved !== undefined && (
          <small title={approved.approved_by}>
            ✓ {t("board.approval.given")} {approved.approved_by}
          </small>
        )}
      </span>
      <ApproveEnding call={call} />
    </span>
  );
}

/** The supervisor's button, shown only where the ladder stands at the approval. */
export function ApproveEnding({ call }: Props) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const ladder = call.ladder;
  if (ladder == null || !ladder.awaits_approval) return null;
  return (
    <>
      <Button size="md" onClick={() => setOpened(true)} data-testid="approve-ending">
        {t("board.approval.button")}
      </Button>
      {opened && <Confirmation call={call} ladder={ladder} onClose={() => setOpened(false)} />}
    </>
  );
}

function Confirmation({ call, ladder, onClose }: Props & { ladder: LadderState; onClose: () => void }) {
  const { t } = useTranslation();
  const playbook = usePlaybook();
  const queries = useQueryClient();
  const problemText = useProblemText();
  const approving = useMutation({
    mutationFn: () => approveEnding(call.call_id),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["call", call.call_id] });
      onClose();
    },
  });
  const labelOf = (step: string) => playbook?.ladder.find((rung) => rung.id === step)?.label ?? step;
  const refused = approving.error instanceof ApiProblem && approving.error.code === "approval-not-due";
  const who = [call.agent_name ?? call.agent_id, call.customer_name ?? call.customer_number];
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={t("board.approval.title")}
      closeButtonProps={{ "aria-label": t("common.close") }}
    >
      <div data-testid="approval-dialog">
        <p className={classes.parties}>{who.filter(Boolean).join(" — ")}</p>
        <p>{t("board.approval.intro")}</p>
        <ol className={classes.said}>
          {ladder.done
            .filter((step) => step.quote !== "")
            .map((step) => (
              <li key={step.step} data-step={step.step}>
                <b>{labelOf(step.step)}</b> <q>{step.quote}</q> <small>{clock(step.at_ms)}</small>
              </li>
            ))}
        </ol>
        {call.last_alert !== null && (
          <p>
            {t("board.approval.last")}: <q className={classes.words}>{call.last_alert.quote}</q>{" "}
            <small>{clock(call.last_alert.at_ms)}</small>
          </p>
        )}
        <p className={classes.soft}>{t("board.approval.kept")}</p>
        {approving.error !== null && (
          <p role="alert" className={classes.refused}>
            {refused ? t("board.approval.not_due") : problemText(approving.error)}
          </p>
        )}
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose} data-autofocus>
            {t("board.approval.cancel")}
          </Button>
          <Button
            onClick={() => approving.mutate()}
            loading={approving.isPending}
            disabled={refused}
            data-testid="approve-confirm"
          >
            {t("board.approval.confirm")}
          </Button>
        </Group>
      </div>
    </Modal>
  );
}
