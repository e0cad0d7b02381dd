import { SegmentedControl } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { changeLanguage, isLanguage } from "../i18n";

export function LanguageSwitch() {
  const { t, i18n } = useTranslation();
  return (
    <SegmentedControl
      size="xs"
      aria-label={t("login.language")}
      data-testid="language"
      value={i18n.language}
      data={[
        { value: "ja", label: "日本語" },
        { value: "en", label: "English" },
      ]}
      onChange={(value) => {
        if (isLanguage(value)) void changeLanguage(value, true);
      }}
    />
  );
}
