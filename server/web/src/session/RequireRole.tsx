import { Navigate, Outlet } from "react-router";
import type { UserRole } from "../api/types";
import { useSession } from "./SessionContext";

/** Where each role begins. The service decides what a role may read; this only spares people dead ends. */
export const HOME: Record<UserRole, string> = {
  agent: "/desk",
  supervisor: "/board",
  legal: "/recordings",
};

export function RequireRole({ role }: { role: UserRole }) {
  const { user } = useSession();
  if (user === null) return <Navigate to="/login" replace />;
  if (user.role === role) return <Outlet />;
  return <Navigate to={HOME[user.role]} replace />;
}
