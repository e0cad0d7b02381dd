import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, use, useCallback, useMemo, type ReactNode } from "react";
import { ApiProblem } from "../api/client";
import { getSession, signOut as endSession } from "../api/endpoints";
import type { User } from "../api/types";
import { changeLanguage, chosenLanguage, isLanguage } from "../i18n";
import { clearEdits } from "../live/caseEdits";
import { Loading, Problem } from "../ui/Notice";

interface Session {
  user: User | null;
  enter: (user: User) => void;
  leave: () => Promise<void>;
  /** The service no longer knows this session. */
  lapse: () => void;
}

const Context = createContext<Session | null>(null);
const KEY = ["session"];

async function currentUser(): Promise<User | null> {
  try {
    return await getSession();
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 401) return null;
    throw error;
  }
}

export function SessionProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const { data, isPending, error, refetch } = useQuery({
    queryKey: KEY,
    queryFn: currentUser,
    staleTime: Infinity,
  });
  const user = data ?? null;

  const enter = useCallback(
    (next: User) => {
      queries.setQueryData(KEY, next);
      if (chosenLanguage() === null && isLanguage(next.locale)) void changeLanguage(next.locale, false);
    },
    [queries],
  );
  const lapse = useCallback(() => queries.setQueryData(KEY, null), [queries]);
  const leave = useCallback(async () => {
    await endSession();
    clearEdits(sessionStorage);
    queries.clear();
    queries.setQueryData(KEY, null);
  }, [queries]);

  const session = useMemo(() => ({ user, enter, leave, lapse }), [user, enter, leave, lapse]);
  if (isPending) return <Loading />;
  if (error !== null) return <Problem error={error} onRetry={() => void refetch()} />;
  return <Context value={session}>{children}</Context>;
}

export function useSession(): Session {
  const session = use(Context);
  if (session === null) throw new Error("useSession needs a SessionProvider above it");
  return session;
}
