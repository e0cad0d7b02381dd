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

/** The step that tells the caller that the call will be ended. */
const ANNOUNCEMENT = "ladder3";

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

/**
 * The supervisor's button, shown only where the ladder stands at the approval. A dialog that was opened stays when the
 * call goes on: it must not vanish under the hand of whoever reads it.
 */
export function ApproveEnding({ call }: Props) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const ladder = call.ladder;
  if (ladder == null) return null;
  return (
    <>
      {ladder.awaits_approval && (
        <Button
          className={classes.approve ?? ""}
          size="md"
          onClick={() => setOpened(true)}
          data-testid="approve-ending"
        >
          {t("board.approval.button")}
        </Button>
      )}
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
  const isRefused = approving.error instanceof ApiProblem && approving.error.code === "approval-not-due";
  const isOver = isRefused || (!ladder.awaits_approval && !approving.isPending);
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
        <LastWords
          alert={call.last_alert}
          announcedMs={ladder.done.find((step) => step.step === ANNOUNCEMENT)?.at_ms ?? 0}
        />
        <p className={classes.soft}>{t("board.approval.kept")}</p>
        {(isOver || approving.error !== null) && (
          <p role="alert" className={classes.refused}>
            {isOver ? t("board.approval.not_due") : problemText(approving.error)}
          </p>
        )}
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose} data-autofocus>
            {t("board.approval.cancel")}
          </Button>
          <Button
            onClick={() => approving.mutate()}
            loading={approving.isPending}
            disabled={isOver}
            data-testid="approve-confirm"
          >
            {t("board.approval.confirm")}
          </Button>
        </Group>
      </div>
    </Modal>
  );
}

/** What the caller said last that raised an alert, and whether that was after the end had been announced. */
function LastWords({ alert, announcedMs }: { alert: CallSummary["last_alert"]; announcedMs: number }) {
  const { t } = useTranslation();
  const isSince = alert !== null && alert.at_ms > announcedMs;
  return (
    <>
      {alert !== null && (
        <p>
          {t(isSince ? "board.approval.since" : "board.approval.before")}:{" "}
          <q className={classes.words}>{alert.quote}</q> <small>{clock(alert.at_ms)}</small>
        </p>
      )}
      {!isSince && <p>{t("board.approval.quiet")}</p>}
    </>
  );
}
