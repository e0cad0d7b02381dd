import { useColorScheme, useLocalStorage } from "@mantine/hooks";

export type SchemeChoice = "auto" | "light" | "dark";
export type Area = "board" | "page";

/** The board hangs on a wall and is dark unless somebody says otherwise; desks follow their machine. */
const DEFAULT_CHOICE: Record<Area, SchemeChoice> = { board: "dark", page: "auto" };

export function areaOf(pathname: string): Area {
  return pathname.startsWith("/board") ? "board" : "page";
}

export function useScheme(area: Area): {
  scheme: "light" | "dark";
  choice: SchemeChoice;
  choose: (choice: SchemeChoice) => void;
} {
  const machine = useColorScheme("light", { getInitialValueInEffect: false });
  const [choice, choose] = useLocalStorage<SchemeChoice>({
    key: `koemori.scheme.${area}`,
    defaultValue: DEFAULT_CHOICE[area],
    getInitialValueInEffect: false,
  });
  return { scheme: choice === "auto" ? machine : choice, choice, choose };
}
