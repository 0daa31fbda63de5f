// Figures as people read them: short, in the units of the glossary, with digits that stand still.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

export function whole(value: number): string {
  return WHOLE.format(value);
}

/** At most three digits: `940`, `12.3K`. */
export function short(value: number): string {
  return Math.abs(value) < 1000 ? WHOLE.format(value) : SHORT.format(value);
}

/** Rows a second. */
export function rate(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0/s";
  return `${value < 9.95 ? value.toFixed(1) : short(value)}/s`;
}

/** A part of 1 in percent. */
export function share(value: number): string {
  return `${Math.round(value * 100)} %`;
}

export function bytes(value: number): string {
  if (value < 1024) return `${whole(value)} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let scaled = value / 1024;
  let unit = 0;
  while (scaled >= 1024 && unit < units.length - 1) {
    scaled /= 1024;
    unit += 1;
  }
  return `${scaled < 10 ? scaled.toFixed(1) : whole(scaled)} ${units[unit]}`;
}

/** A length of time: `15 ms`, `4.2 s`, `3 min 12 s`, `5 h 20 min`, `3 days`. */
export function duration(value_ms: number): string {
  const ms = Math.max(value_ms, 0);
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : whole(ms)} ms`;
  const s = ms / 1000;
  if (s < 60) return `${s < 10 ? s.toFixed(1) : whole(s)} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(s % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${whole(hours / 24)} days`;
}

/** A length of time where a second more or less is nothing. */
export function roughly(value_ms: number): string {
  const s = Math.max(value_ms, 0) / 1000;
  if (s < 99.5) return `${whole(s)} s`;
  if (s < 5400) return `${whole(s / 60)} min`;
  if (s < 48 * 3600) return `${whole(s / 3600)} h`;
  return `${whole(s / 86400)} days`;
}

/** `2026-11-25 07:53:10`, in UTC as everything here. */
export function stamp(at_ms: number, precise = false): string {
  const text = new Date(at_ms).toISOString().replace("T", " ");
  return precise ? text.slice(0, 23) : text.slice(0, 19);
}

export function clock(at_ms: number): string {
  return new Date(at_ms).toISOString().slice(11, 19);
}

/** How far a watermark is behind the clock, or its date where that says more. */
export function behind(behind_ms: number, now_ms: number): string {
  if (behind_ms < -1000) return `${roughly(-behind_ms)} ahead`;
  if (behind_ms < 36 * 3_600_000) return `${roughly(behind_ms)} behind`;
  return `at ${stamp(now_ms - behind_ms).slice(0, 16)}`;
}

/** The same where there is little room: the day, and the time if it is of this year. */
export function brieflyBehind(behind_ms: number, now_ms: number): string {
  if (Math.abs(behind_ms) < 36 * 3_600_000) return behind(behind_ms, now_ms);
  const [at, now] = [stamp(now_ms - behind_ms), stamp(now_ms)];
  return at.slice(0, 4) === now.slice(0, 4) ? `at ${at.slice(5, 16)}` : `at ${at.slice(0, 10)}`;
}

/** `1 row`, `2 rows`. */
export function count(value: number, one: string, many = `${one}s`): string {
  return `${whole(value)} ${value === 1 ? one : many}`;
}
