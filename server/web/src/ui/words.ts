import type { TFunction } from "i18next";

/** The word for a code of the contract; a code of a later version shows as itself rather than as nothing. */
export function codeWord(
  t: TFunction,
  group: "category" | "end_state" | "validity" | "manner" | "trunks.kind",
  code: string,
): string {
  return t(`${group}.${code}` as "category", { defaultValue: code });
}

export function speakerWord(t: TFunction, speaker: string): string {
  if (speaker === "agent") return t("common.agent");
  if (speaker === "customer") return t("common.customer");
  const voice = /^S(\d+)$/.exec(speaker);
  if (voice !== null) return t("common.voice", { number: Number(voice[1]) });
  return t("common.unknown_speaker");
}
