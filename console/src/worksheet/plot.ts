// Rows → what a chart draws of them.

import { SERIES_MAX, type Series } from "../chart/LineChart.svelte";
import { numeric, type Row, shown, time } from "../api/value.ts";

export interface Choice {
  x: string;
  y: string[];
  /** A column whose values are series of their own. */
  by: string;
}

/** More points than pixels show nothing more. */
const POINTS_MAX = 4000;
const BARS_MAX = 60;

export type Plot =
  | { kind: "none"; why: string }
  | { kind: "lines"; isTime: boolean; series: Series[]; note: string }
  | { kind: "bars"; bars: { name: string; value: number }[]; note: string };

function columnsWhere(columns: string[], rows: Row[], is: (value: Row[string]) => boolean): string[] {
  return columns.filter((column) => {
    const values = rows.slice(0, 200).map((row) => row[column] ?? null);
    return values.some((value) => value !== null) && values.every((value) => value === null || is(value));
  });
}

export function numbersOf(columns: string[], rows: Row[]): string[] {
  return columnsWhere(columns, rows, (value) => numeric(value) !== null);
}

/** What one would draw first: a time or a name across, a number up, and another name as series. */
export function guess(columns: string[], rows: Row[]): Choice {
  const times = columnsWhere(columns, rows, (value) => time(value) !== null);
  const numbers = numbersOf(columns, rows);
  const names = columns.filter((column) => !times.includes(column) && !numbers.includes(column));
  const x = times[0] ?? names[0] ?? numbers[0] ?? "";
  const y = numbers.find((column) => column !== x) ?? numbers[0];
  const by = times[0] === undefined ? "" : (names.find((name) => distinct(rows, name) <= 12) ?? "");
  return { x, y: y === undefined ? [] : [y], by };
}

function distinct(rows: Row[], column: string): number {
  return new Set(rows.map((row) => shown(row[column]))).size;
}

export function plot(rows: Row[], { x, y, by }: Choice): Plot {
  if (rows.length === 0) return { kind: "none", why: "There are no rows to draw" };
  if (y.length === 0) return { kind: "none", why: "Choose a column with numbers to draw" };
  const isTime = rows.every((row) => row[x] === null || time(row[x]) !== null);
  const isNumber = rows.every((row) => row[x] === null || numeric(row[x]) !== null);
  const [value = ""] = y;
  if (!isTime && !isNumber) {
    const bars = rows.slice(0, BARS_MAX).map((row) => ({ name: shown(row[x]), value: numeric(row[value]) ?? 0 }));
    return { kind: "bars", bars, note: rows.length > BARS_MAX ? `the first ${BARS_MAX} of ${rows.length} rows` : "" };
  }
  const groups = new Map<string, Series>();
  for (const row of rows) {
    const at = isTime ? time(row[x]) : numeric(row[x]);
    if (at === null) continue;
    for (const column of by === "" ? y : [value]) {
      const name = by === "" ? column : shown(row[by]);
      const series = groups.get(name) ?? { name, points: [] };
      series.points.push({ x: at, y: numeric(row[column]) });
      groups.set(name, series);
    }
  }
  const all = [...groups.values()].sort((a, b) => weight(b) - weight(a));
  const series = all.slice(0, SERIES_MAX).map(({ name, points }) => ({ name, points: thinned(points) }));
  const note = all.length > SERIES_MAX ? `the largest ${SERIES_MAX} of ${all.length} series` : "";
  return { kind: "lines", isTime, series, note };
}

function weight({ points }: Series): number {
  return points.reduce((sum, point) => sum + Math.abs(point.y ?? 0), 0);
}

/** In the order of x; of very many, each stretch's least and greatest. */
function thinned(points: Series["points"]): Series["points"] {
  const sorted = [...points].sort((a, b) => a.x - b.x);
  if (sorted.length <= POINTS_MAX) return sorted;
  const size = Math.ceil((sorted.length * 2) / POINTS_MAX);
  const kept: Series["points"] = [];
  for (let start = 0; start < sorted.length; start += size) {
    const stretch = sorted.slice(start, start + size).filter((point) => point.y !== null);
    if (stretch.length === 0) continue;
    const least = stretch.reduce((a, b) => ((b.y ?? 0) < (a.y ?? 0) ? b : a));
    const greatest = stretch.reduce((a, b) => ((b.y ?? 0) > (a.y ?? 0) ? b : a));
    kept.push(...(least.x < greatest.x ? [least, greatest] : [greatest, least]).slice(least === greatest ? 1 : 0));
  }
  return kept;
}
