import { Button, Menu, SegmentedControl, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useLocation } from "react-router";
import { useSession } from "../session/SessionContext";
import { LanguageSwitch } from "./LanguageSwitch";
import { areaOf, useScheme } from "./scheme";

export function UserMenu({ unsaved }: { unsaved: boolean }) {
  const { t } = useTranslation();
  const { user, leave } = useSession();
  const { choice, choose } = useScheme(areaOf(useLocation().pathname));
  if (user === null) return null;
  const signOut = () => {
    if (!unsaved || window.confirm(t("nav.sign_out_unsaved"))) void leave();
  };
  return (
    <Menu position="bottom-end" width={260} closeOnItemClick={false}>
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          size="compact-md"
          c="var(--k-ink)"
          fw={500}
          maw={200}
          flex="none"
          title={user.display_name}
          aria-label={`${t("nav.menu")}: ${user.display_name}`}
          data-testid="user-menu"
        >
          {user.display_name} ▾
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{t(`nav.role.${user.role}`)}</Menu.Label>
        <Stack gap={4} px="sm" pb="sm">
          <Text size="sm">{t("nav.language")}</Text>
          <LanguageSwitch />
          <Text size="sm">{t("nav.theme")}</Text>
          <SegmentedControl
            size="xs"
            aria-label={t("nav.theme")}
            value={choice}
            onChange={(value) => choose(value)}
            data={[
              { value: "auto", label: t("nav.theme_auto") },
              { value: "light", label: t("nav.theme_light") },
              { value: "dark", label: t("nav.theme_dark") },
            ]}
          />
        </Stack>
        <Menu.Divider />
        <Menu.Item onClick={signOut} data-testid="sign-out">
          {t("nav.sign_out")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
