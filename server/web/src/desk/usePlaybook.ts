import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { getPlaybook } from "../api/endpoints";
import type { Playbook } from "../api/types";

/** The ladder and checklist of the rules in force, in the reader's language; null until they are read. */
export function usePlaybook(): Playbook | null {
  const { i18n } = useTranslation();
  const { data } = useQuery({
    queryKey: ["playbook", i18n.language],
    queryFn: () => getPlaybook(i18n.language),
    staleTime: 60_000,
  });
  return data ?? null;
}
