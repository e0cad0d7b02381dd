/** `1:02:03` or `2:03`; negative counts as zero. */
export function clock(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000));
  const seconds = String(total % 60).padStart(2, "0");
  const minutes = Math.floor(total / 60) % 60;
  const hours = Math.floor(total / 3600);
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}

/** A length in words, so that it is not taken for a time of day: `1 時間 2 分 3 秒`, `2 min 3 s`. */
export function duration(ms: number, language: string): string {
  const units = language.startsWith("ja") ? [" 時間", " 分", " 秒"] : [" h", " min", " s"];
  const parts = clock(ms).split(":").map(Number);
  const named = parts.map((part, at) => `${part}${units[at + 3 - parts.length]}`);
  return (parts.length === 2 && parts[0] === 0 ? named.slice(1) : named).join(" ");
}

/** Seconds with a decimal where it says something: `0.4`, `12`. */
export function seconds(ms: number): string {
  const value = ms / 1000;
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}

export function localTime(iso: string | number, language: string): string {
  return new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(
    new Date(iso),
  );
}

export function localTimeWithSeconds(iso: string | number, language: string): string {
  return new Intl.DateTimeFormat(language, { timeStyle: "medium", hourCycle: "h23" }).format(new Date(iso));
}

export function localDateTime(iso: string | number, language: string): string {
  return new Intl.DateTimeFormat(language, {
    dateStyle: "medium",
    timeStyle: "short",
    hourCycle: "h23",
  }).format(new Date(iso));
}

/** With seconds and the zone, for what may be read in court. */
export function exactTime(iso: string | number, language: string): string {
  return new Intl.DateTimeFormat(language, {
    dateStyle: "medium",
    timeStyle: "long",
    hourCycle: "h23",
  }).format(new Date(iso));
}

/** The time alone for today, with the date for any other day. */
export function dayAndTime(iso: string, language: string, now = new Date()): string {
  const at = new Date(iso);
  if (at.toDateString() === now.toDateString()) return localTime(iso, language);
  return new Intl.DateTimeFormat(language, {
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  }).format(at);
}

/** A day without a time, `2026-04-01`, wherever the reader is. */
export function calendarDay(day: string, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeZone: "UTC" }).format(
    new Date(`${day}T00:00:00Z`),
  );
}

/** A share of one as per cent, `81`. */
export function percent(share: number): string {
  return String(Math.round(share * 100));
}

/** A difference in whole numbers, with its sign: `+7`, `−2`, `±0`. */
export function signed(value: number): string {
  const whole = Math.round(value);
  if (whole === 0) return "±0";
  return whole > 0 ? `+${whole}` : `−${-whole}`;
}
