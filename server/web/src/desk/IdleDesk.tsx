import { Button, Table } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { listCalls, listSoftphones } from "../api/endpoints";
import type { CallSummary } from "../api/types";
import { dayAndTime, duration } from "../i18n/format";
import { Problem } from "../ui/Notice";
import { SeverityBadge } from "../ui/Severity";
import classes from "./Desk.module.css";

/** Between calls: calm, with the last case at hand. */
export function IdleDesk({ onOpen }: { onOpen: (callId: string) => void }) {
  const { t } = useTranslation();
  const { data, error, refetch } = useQuery({
    queryKey: ["calls", "ended"],
    queryFn: () => listCalls("ended", 12),
    refetchInterval: 15_000,
    staleTime: 0,
  });
  const calls = data?.items ?? [];
  const last = calls[0];
  return (
    <main className={classes.idle} id="content">
      <section className={classes.waiting} data-testid="idle">
        <h2>{t("desk.idle.title")}</h2>
        <p>{t("desk.idle.text")}</p>
        {last !== undefined && (
          <Button variant="default" mt="md" onClick={() => onOpen(last.call_id)} data-testid="finish-last">
            {t("desk.idle.finish")}
          </Button>
        )}
        <SoftphoneButton />
      </section>
      <section className={classes.recent} aria-label={t("desk.idle.recent")}>
        <h2>{t("desk.idle.recent")}</h2>
        {error !== null && <Problem error={error} onRetry={() => void refetch()} />}
        {error === null && calls.length === 0 && <p>{t("desk.idle.none")}</p>}
        {calls.length > 0 && <RecentCalls calls={calls} onOpen={onOpen} />}
      </section>
    </main>
  );
}

/** Where a trunk takes browsers: opens the phone in a window that stays beside the desk. */
function SoftphoneButton() {
  const { t } = useTranslation();
  const { data } = useQuery({ queryKey: ["softphones"], queryFn: listSoftphones, staleTime: Infinity });
  if (data === undefined || data.trunks.length === 0) return null;
  const open = () => window.open("/softphone", "koemori-softphone", "popup,width=520,height=680");
  return (
    <Button variant="default" mt="md" onClick={open} data-testid="open-softphone">
      {t("softphone.open")}
    </Button>
  );
}

function RecentCalls({ calls, onOpen }: { calls: readonly CallSummary[]; onOpen: (callId: string) => void }) {
  const { t, i18n } = useTranslation();
  return (
    <Table highlightOnHover verticalSpacing={6}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t("desk.idle.started")}</Table.Th>
          <Table.Th>{t("common.customer")}</Table.Th>
          <Table.Th>{t("desk.idle.duration")}</Table.Th>
          <Table.Th>{t("recordings.column.severity")}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {calls.map((call) => (
          <Table.Tr key={call.call_id} data-testid="recent-call" data-call-id={call.call_id}>
            <Table.Td>{dayAndTime(call.started_at, i18n.language)}</Table.Td>
            <Table.Td>
              <Button variant="subtle" size="compact-md" onClick={() => onOpen(call.call_id)}>
                {call.customer_name ?? call.customer_number ?? t("desk.caller_unknown")}
              </Button>
            </Table.Td>
            <Table.Td>{call.duration_ms === null ? "" : duration(call.duration_ms, i18n.language)}</Table.Td>
            <Table.Td>{call.severity > 0 && <SeverityBadge severity={call.severity} />}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
