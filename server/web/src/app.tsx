import { MantineProvider } from "@mantine/core";
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { BrowserRouter, Navigate, Route, Routes, useLocation } from "react-router";
import { ApiProblem } from "./api/client";
import { BoardCallPage } from "./board/BoardCallPage";
import { BoardPage } from "./board/BoardPage";
import { DeskPage } from "./desk/DeskPage";
import { DeskLineProvider } from "./live/DeskLineContext";
import { RecordingPage } from "./recordings/RecordingPage";
import { SearchPage } from "./recordings/SearchPage";
import { LoginPage } from "./session/LoginPage";
import { HOME, RequireRole } from "./session/RequireRole";
import { lapseSession, SessionProvider, useSession } from "./session/SessionContext";
import { SoftphonePage } from "./softphone/SoftphonePage";
import { TrunksPage } from "./trunks/TrunksPage";
import { ErrorBoundary } from "./ui/ErrorBoundary";
import { cssVariables, theme } from "./ui/theme";
import { areaOf, useScheme } from "./ui/scheme";

const onError = (error: unknown) => {
  if (error instanceof ApiProblem && error.status === 401) lapseSession(queries);
};

const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError }),
  mutationCache: new MutationCache({ onError }),
  defaultOptions: {
    // A machine that believes itself offline may still reach the service; waiting in silence helps nobody.
    mutations: { networkMode: "always" },
    queries: {
      networkMode: "always",
      retry: (count, error) => !(error instanceof ApiProblem && error.status < 500) && count < 2,
      staleTime: 2_000,
    },
  },
});

export function App() {
  return (
    <BrowserRouter>
      <QueryClientProvider client={queries}>
        <Themed />
      </QueryClientProvider>
    </BrowserRouter>
  );
}

function Themed() {
  const { scheme } = useScheme(areaOf(useLocation().pathname));
  return (
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} forceColorScheme={scheme}>
      <ErrorBoundary>
        <SessionProvider>
          <AppRoutes />
        </SessionProvider>
      </ErrorBoundary>
    </MantineProvider>
  );
}

function AppRoutes() {
  return (
    <Routes>
      <Route path="/login" element={<LoginPage />} />
      <Route element={<RequireRole role="agent" />}>
        <Route
          path="/desk"
          element={
            <DeskLineProvider>
              <DeskPage />
            </DeskLineProvider>
          }
        />
        <Route path="/softphone" element={<SoftphonePage />} />
      </Route>
      <Route element={<RequireRole role="supervisor" />}>
        <Route path="/board" element={<BoardPage />} />
        <Route path="/trunks" element={<TrunksPage />} />
        <Route
          path="/board/calls/:callId"
          element={
            <DeskLineProvider>
              <BoardCallPage />
            </DeskLineProvider>
          }
        />
      </Route>
      <Route element={<RequireRole role="legal" />}>
        <Route path="/recordings" element={<SearchPage />} />
        <Route path="/recordings/:recordingId" element={<RecordingPage />} />
      </Route>
      <Route path="*" element={<Home />} />
    </Routes>
  );
}

function Home() {
  const { user } = useSession();
  return <Navigate to={user === null ? "/login" : HOME[user.role]} replace />;
}
