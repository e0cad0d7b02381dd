import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { en } from "./en";
import { ja } from "./ja";

export const LANGUAGES = ["ja", "en"] as const;
export type Language = (typeof LANGUAGES)[number];

const KEY = "koemori.language";

export function isLanguage(value: unknown): value is Language {
  return LANGUAGES.some((language) => language === value);
}

/** The language a person chose on this machine; null before any choice. */
export function chosenLanguage(): Language | null {
  const value = localStorage.getItem(KEY);
  return isLanguage(value) ? value : null;
}

export async function startTranslations(): Promise<void> {
  await i18next.use(initReactI18next).init({
    resources: { ja: { translation: ja }, en: { translation: en } },
    lng: chosenLanguage() ?? "ja",
    fallbackLng: "ja",
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  showLanguage(i18next.language);
  i18next.on("languageChanged", showLanguage);
}

/** `remember` for a person's own choice, as against the account's default. */
export async function changeLanguage(language: Language, remember: boolean): Promise<void> {
  if (remember) localStorage.setItem(KEY, language);
  await i18next.changeLanguage(language);
}

function showLanguage(language: string): void {
  document.documentElement.lang = language;
}
