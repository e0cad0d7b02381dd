import { Button, Center, Paper, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useRef, useState, type SubmitEvent } from "react";
import { useTranslation } from "react-i18next";
import { Navigate, useLocation } from "react-router";
import { ApiProblem } from "../api/client";
import { signIn } from "../api/endpoints";
import { LanguageSwitch } from "../ui/LanguageSwitch";
import { useProblemText } from "../ui/Notice";
import { HOME } from "./RequireRole";
import { useSession } from "./SessionContext";

export function LoginPage() {
  const { t } = useTranslation();
  const { user, lapsed, enter } = useSession();
  const { state } = useLocation() as { state: { from?: string } | null };
  const problemText = useProblemText();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const secret = useRef<HTMLInputElement>(null);
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => signIn(username.trim(), password),
    onSuccess: enter,
    onError: () => secret.current?.select(),
  });
  if (user !== null) return <Navigate to={state?.from ?? HOME[user.role]} replace />;

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    mutate();
  };
  const wording = (failure: unknown): string => {
    if (failure instanceof ApiProblem && failure.status === 401) return t("login.wrong");
    if (failure instanceof ApiProblem && failure.status === 429) return t("login.too_many");
    return problemText(failure);
  };

  return (
    <Center mih="100%" p="md" component="main">
      <Paper withBorder p="xl" w={380} maw="100%" bg="var(--k-surface)">
        <form onSubmit={submit} data-testid="login-form">
          <Stack>
            <div>
              <Title order={1} size={24}>
                {t("app.name")}
              </Title>
              <Text c="var(--k-ink-2)">{t("app.tagline")}</Text>
            </div>
            {lapsed && error === null && (
              <Text role="status" data-testid="session-over">
                {t("login.session_over")}
              </Text>
            )}
            <TextInput
              name="username"
              label={t("login.username")}
              autoComplete="username"
              autoFocus
              required
              withAsterisk={false}
              value={username}
              onChange={(event) => setUsername(event.currentTarget.value)}
            />
            <PasswordInput
              ref={secret}
              name="password"
              label={t("login.password")}
              autoComplete="current-password"
              required
              withAsterisk={false}
              value={password}
              onChange={(event) => setPassword(event.currentTarget.value)}
            />
            {error !== null && (
              <Text role="alert" c="var(--k-ink)" fw={600} data-testid="login-error">
                {wording(error)}
              </Text>
            )}
            <Button type="submit" loading={isPending} fullWidth>
              {t("login.submit")}
            </Button>
            <LanguageSwitch />
          </Stack>
        </form>
      </Paper>
    </Center>
  );
}
