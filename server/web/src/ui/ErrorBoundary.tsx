import { Button, Center, Stack, Text } from "@mantine/core";
import i18next from "i18next";
import { Component, type ReactNode } from "react";

interface Props {
  children: ReactNode;
}

/** Shows a way on when a page breaks; what was typed is in the session's storage. */
export class ErrorBoundary extends Component<Props, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override render(): ReactNode {
    if (!this.state.broken) return this.props.children;
    return (
      <Center h="100vh">
        <Stack align="center" role="alert">
          <Text>{i18next.t("error.page")}</Text>
          <Button onClick={() => window.location.reload()}>{i18next.t("error.reload")}</Button>
        </Stack>
      </Center>
    );
  }
}
