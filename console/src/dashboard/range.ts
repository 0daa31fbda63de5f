// Which times a dashboard shows, as its address says it.

import { duration } from "../node/figures.ts";

export type Range =
  | { kind: "all" }
  /** So long back from now. */
  | { kind: "last"; length_ms: number }
  /** From and until, in milliseconds since 1970; `until_ms` is no part of it. */
  | { kind: "own"; from_ms: number; until_ms: number };

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What can be chosen with one click, by its word in the address. */
export const CHOICES: { word: string; label: string; title: string; length_ms: number | null }[] = [
  { word: "1h", label: "1 h", title: "The last hour", length_ms: HOUR_MS },
  { word: "1d", label: "1 day", title: "The last 24 hours", length_ms: DAY_MS },
  { word: "7d", label: "7 days", title: "The last 7 days", length_ms: 7 * DAY_MS },
  { word: "30d", label: "30 days", title: "The last 30 days", length_ms: 30 * DAY_MS },
  { word: "90d", label: "90 days", title: "The last 90 days", length_ms: 90 * DAY_MS },
  { word: "all", label: "All", title: "All times", length_ms: null },
];

export function rangeOf(length_ms: number | null): Range {
  return length_ms === null ? { kind: "all" } : { kind: "last", length_ms };
}

/** What the address says, else what the dashboard was declared with. */
export function readRange(search: string, declared_ms: number | null): Range {
  const parameters = new URLSearchParams(search);
  const choice = CHOICES.find(({ word }) => word === parameters.get("range"));
  if (choice) return rangeOf(choice.length_ms);
  const [from, until] = [parameters.get("from"), parameters.get("until")].map(readTime);
  if (from != null && until != null && from < until) return { kind: "own", from_ms: from, until_ms: until };
  return rangeOf(declared_ms);
}

/** As it stands in the address. */
export function writeRange(range: Range): string {
  if (range.kind === "own") return `?from=${writeTime(range.from_ms)}&until=${writeTime(range.until_ms)}`;
  const length_ms = range.kind === "all" ? null : range.length_ms;
  const choice = CHOICES.find((each) => each.length_ms === length_ms);
  return choice ? `?range=${choice.word}` : "";
}

/** `2026-11-25T07:53`, in UTC. */
export function writeTime(at_ms: number): string {
  return new Date(at_ms).toISOString().slice(0, 16);
}

export function readTime(text: string | null): number | null {
  if (text === null || !/^\d{4}-\d\d-\d\dT\d\d:\d\d$/.test(text)) return null;
  const at = Date.parse(`${text}Z`);
  return Number.isNaN(at) ? null : at;
}

/** In a sentence, after "no rows". */
export function spoken(range: Range): string {
  if (range.kind === "all") return "";
  if (range.kind === "own") return "in these times";
  const choice = CHOICES.find((each) => each.length_ms === range.length_ms);
  return `in ${choice ? choice.title.toLowerCase() : `the last ${duration(range.length_ms)}`}`;
}

/** How often a range that moves with the clock has moved far enough to be seen. */
export function step(range: Range): number | null {
  return range.kind === "last" ? Math.max(10_000, range.length_ms / 300) : null;
}
