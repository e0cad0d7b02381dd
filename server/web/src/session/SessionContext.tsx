import { useQuery, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { createContext, use, useCallback, useMemo, type ReactNode } from "react";
import { ApiProblem } from "../api/client";
import { getSession, signOut as endSession } from "../api/endpoints";
import type { User } from "../api/types";
import { changeLanguage, chosenLanguage, isLanguage } from "../i18n";
import { clearEdits } from "../live/caseEdits";
import { Loading, Problem } from "../ui/Notice";

interface Session {
  user: User | null;
  /** The session ended by itself, so its person may want to go on where they were. */
  lapsed: boolean;
  enter: (user: User) => void;
  leave: () => Promise<void>;
  /** The service no longer knows this session. */
  lapse: () => void;
}

const Context = createContext<Session | null>(null);
const KEY = ["session"];

const LAST_USER = "koemori.user";

interface Known {
  user: User | null;
  lapsed: boolean;
}

/** What one person left unsaved in this tab is not for the next. */
function admit(user: User): Known {
  const last = sessionStorage.getItem(LAST_USER);
  if (last !== null && last !== user.user_id) clearEdits(sessionStorage);
  sessionStorage.setItem(LAST_USER, user.user_id);
  return { user, lapsed: false };
}

/** To be called when the service answers that it does not know the session any more. */
export function lapseSession(queries: QueryClient): void {
  const known = queries.getQueryData<Known>(KEY);
  if (known?.user != null) queries.setQueryData<Known>(KEY, { user: null, lapsed: true });
}

async function currentUser(): Promise<Known> {
  try {
    return admit(await getSession());
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 401) return { user: null, lapsed: false };
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
  const user = data?.user ?? null;
  const lapsed = data?.lapsed ?? false;

  const enter = useCallback(
    (next: User) => {
      queries.removeQueries({ predicate: (query) => query.queryKey[0] !== KEY[0] });
      queries.setQueryData(KEY, admit(next));
      if (chosenLanguage() === null && isLanguage(next.locale)) void changeLanguage(next.locale, false);
    },
    [queries],
  );
  const lapse = useCallback(() => lapseSession(queries), [queries]);
  const leave = useCallback(async () => {
    await endSession();
    clearEdits(sessionStorage);
    queries.clear();
    queries.setQueryData<Known>(KEY, { user: null, lapsed: false });
  }, [queries]);

  const session = useMemo(() => ({ user, lapsed, enter, leave, lapse }), [user, lapsed, enter, leave, lapse]);
  if (isPending) return <Loading />;
  if (error !== null) return <Problem error={error} onRetry={() => void refetch()} />;
  return <Context value={session}>{children}</Context>;
}

export function useSession(): Session {
  const session = use(Context);
  if (session === null) throw new Error("useSession needs a SessionProvider above it");
  return session;
}
