import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiProblem } from "../api/client";
import { getAlertRule } from "../api/endpoints";
import classes from "./RuleDisclosure.module.css";

interface Props {
  callId: string;
  alertId: string;
}

/** Which rule an alert comes from, as it stood then: id, version, author, source. Read when opened. */
export function RuleDisclosure({ callId, alertId }: Props) {
  const { t } = useTranslation();
  const [isOpen, setIsOpen] = useState(false);
  const { data, error } = useQuery({
    queryKey: ["alert-rule", callId, alertId],
    queryFn: () => getAlertRule(callId, alertId),
    enabled: isOpen,
    // A rule that stood behind an alert never changes.
    staleTime: Infinity,
    retry: false,
  });
  const isWithoutRule = error instanceof ApiProblem && error.code === "rule-not-kept";
  return (
    <details
      className={classes.rule}
      data-testid="rule"
      onToggle={(event) => setIsOpen(event.currentTarget.open)}
    >
      <summary>{t("rule.title")}</summary>
      {error !== null && <p>{isWithoutRule ? t("rule.none") : t("rule.failed")}</p>}
      {error === null && data === undefined && <p>{t("common.loading")}</p>}
      {data !== undefined && (
        <dl>
          <dt>{t("rule.id")}</dt>
          <dd>{t("rule.version", { id: data.rule_id, version: data.version })}</dd>
          <dt>{t("rule.author")}</dt>
          <dd>{data.author === "" ? t("rule.no_author") : data.author}</dd>
          <dt>{t("rule.source")}</dt>
          <dd>{data.source === "" ? t("rule.no_source") : data.source}</dd>
          <dt>{t("rule.playbook")}</dt>
          <dd>
            {data.playbook.version} {!data.playbook.in_force && t("rule.superseded")}
          </dd>
        </dl>
      )}
    </details>
  );
}
