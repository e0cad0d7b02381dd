/** An error the service named: RFC 9457 problem details with a stable `code`. */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
  ) {
    super(detail === "" ? code : detail);
    this.name = "ApiProblem";
  }
}

/** The service could not be reached at all. */
export class Unreachable extends Error {
  constructor() {
    super("unreachable");
    this.name = "Unreachable";
  }
}

export const API = "/api/v1";

/** Milliseconds to add to this machine's clock to get the service's, from its last answer's `Date`. */
let clockOffsetMs = 0;

export function serviceNow(): number {
  return Date.now() + clockOffsetMs;
}

interface RequestOptions {
  method?: "GET" | "POST" | "PATCH" | "DELETE";
  body?: unknown;
  query?: Record<string, string | number | undefined>;
  signal?: AbortSignal;
}

/**
 * One request to the service's API.
 *
 * @throws {ApiProblem} the service refused, with its reason
 * @throws {Unreachable} no answer came
 */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const url = API + path + queryString(options.query);
  const init: RequestInit = { method: options.method ?? "GET", credentials: "same-origin" };
  if (options.signal !== undefined) init.signal = options.signal;
  if (options.body !== undefined) {
    init.body = JSON.stringify(options.body);
    init.headers = { "Content-Type": "application/json" };
  }
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Unreachable();
  }
  noteClock(response);
  if (!response.ok) throw await problem(response);
  return (response.status === 204 ? undefined : await readJson(response)) as T;
}

async function readJson(response: Response): Promise<unknown> {
  const text = await response.text();
  return text === "" ? undefined : JSON.parse(text);
}

async function problem(response: Response): Promise<ApiProblem> {
  try {
    const body = (await response.json()) as { code?: string; detail?: string; title?: string };
    return new ApiProblem(
      response.status,
      body.code ?? `http-${response.status}`,
      body.detail ?? body.title ?? "",
    );
  } catch {
    return new ApiProblem(response.status, `http-${response.status}`, response.statusText);
  }
}

function noteClock(response: Response): void {
  const date = response.headers.get("Date");
  const at = date === null ? NaN : Date.parse(date);
  // `Date` has whole seconds: a smaller difference is rounding, not a wrong clock.
  if (!Number.isNaN(at)) clockOffsetMs = Math.abs(at - Date.now()) > 2000 ? at - Date.now() : 0;
}

function queryString(query: RequestOptions["query"]): string {
  const entries = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== "");
  if (entries.length === 0) return "";
  return "?" + new URLSearchParams(entries.map(([name, value]) => [name, String(value)])).toString();
}
