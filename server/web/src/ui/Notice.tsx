import { Alert, Button, Center, Group, Loader, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { ApiProblem, Unreachable } from "../api/client";

export function Loading() {
  const { t } = useTranslation();
  return (
    <Center p="xl" role="status">
      <Group gap="sm">
        <Loader size="sm" />
        <Text c="var(--k-ink-2)">{t("common.loading")}</Text>
      </Group>
    </Center>
  );
}

/** An error in the reader's words. */
export function useProblemText(): (error: unknown) => string {
  const { t } = useTranslation();
  return (error) => {
    if (error instanceof Unreachable) return t("error.unreachable");
    if (!(error instanceof ApiProblem)) return t("error.generic", { code: "page", detail: "" });
    switch (error.status) {
      case 401:
        return t("error.session_over");
      case 403:
        return t("error.forbidden");
      case 404:
        return t("error.not_found");
      default:
        return t("error.generic", { code: error.code, detail: error.detail });
    }
  };
}

export function Problem({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  const text = useProblemText();
  return (
    <Alert role="alert" variant="outline" color="gray" m="md" data-testid="problem">
      <Group justify="space-between">
        <Text>{text(error)}</Text>
        {onRetry !== undefined && (
          <Button variant="default" onClick={onRetry}>
            {t("common.retry")}
          </Button>
        )}
      </Group>
    </Alert>
  );
}
