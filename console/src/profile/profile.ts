// What PROFILE tells of a relation's columns.

import { Exact, parse, time } from "../api/value.ts";

export interface Profiled {
  column_name: string;
  data_type: string;
  rows: number;
  nulls: number;
  null_percent: number | null;
  distinct_values: number | null;
  distinct_is_exact: boolean;
  min: string | null;
  max: string | null;
  mean: number | null;
  stdev: number | null;
  q05: number | null;
  q25: number | null;
  median: number | null;
  q75: number | null;
  q95: number | null;
  histogram: string | null;
  top_values: string | null;
  imbalance: number | null;
  correlated_with: string | null;
  correlation: number | null;
  rows_per_column: number;
  warnings: string | null;
}

/** How many values lie in each of some ranges of one width; times are milliseconds since 1970. */
export interface Ranges {
  from: number;
  to: number;
  counts: number[];
  isTime: boolean;
}

export interface Bar {
  name: string;
  value: number;
}

/** So many values are shown one by one; of more numbers or times, how they lie says more. */
const FEW = 20;

/** How a column's values are drawn. */
export type Drawing = { kind: "ranges"; ranges: Ranges } | { kind: "values"; bars: Bar[]; rest: number } | { kind: "none" };

export function drawing(column: Profiled): Drawing {
  const ranges = rangesOf(column.histogram);
  const distinct = column.distinct_values ?? 0;
  if (ranges !== null && distinct > FEW) return { kind: "ranges", ranges };
  const top = (column.top_values === null ? [] : parse(column.top_values)) as { value: unknown; count: number }[];
  // Values that are there once each say nothing of the others.
  if (top.length === 0 || (top[0]?.count === 1 && distinct > top.length)) return { kind: "none" };
  const bars = top.map(({ value, count }) => ({ name: text(value), value: count }));
  const shown = bars.reduce((sum, bar) => sum + bar.value, 0);
  return { kind: "values", bars, rest: column.rows - column.nulls - shown };
}

function rangesOf(histogram: string | null): Ranges | null {
  const found = parsed<{ from: number | string; to: number | string; counts: number[] }>(histogram);
  if (found === null) return null;
  const { from, to, counts } = found;
  if (typeof from === "number" && typeof to === "number") return { from, to, counts, isTime: false };
  const [first, last] = [time(from), time(to)];
  return first === null || last === null ? null : { from: first, to: last, counts, isTime: true };
}

export function warnings({ warnings: told }: Profiled): string[] {
  return parsed<string[]>(told) ?? [];
}

/** A value that came as JSON, as it is read: texts without their quotes, numbers with every digit. */
export function plain(json: string | null): string | null {
  return json?.startsWith('"') ? text(parsed<unknown>(json) ?? json) : json;
}

function text(value: unknown): string {
  if (value === "") return "(empty)";
  if (value instanceof Exact) return value.text;
  // Fractions of a second matter to nobody here.
  if (typeof value === "string" && time(value) !== null) return value.replace("T", " ").replace(/(\.\d+)?Z$/, "");
  return typeof value === "string" ? value : JSON.stringify(value);
}

function parsed<T>(json: string | null): T | null {
  if (json === null) return null;
  try {
    return JSON.parse(json) as T;
  } catch {
    return null;
  }
}
