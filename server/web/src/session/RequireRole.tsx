import { Navigate, Outlet, useLocation } from "react-router";
import type { UserRole } from "../api/types";
import { useSession } from "./SessionContext";

/** Where each role begins. The service decides what a role may read; this only spares people dead ends. */
export const HOME: Record<UserRole, string> = {
  agent: "/desk",
  supervisor: "/board",
  legal: "/recordings",
};

export function RequireRole({ role }: { role: UserRole }) {
  const { user, lapsed } = useSession();
  const { pathname, search } = useLocation();
  if (user === null) {
    return <Navigate to="/login" replace state={lapsed ? { from: pathname + search } : null} />;
  }
  if (user.role === role) return <Outlet />;
  return <Navigate to={HOME[user.role]} replace />;
}
