// Rows → what a chart shows of them.

import { numeric, type Row, shown, time, type Value } from "../api/value.ts";
import type { Figures, Mark, Plotted } from "../chart/plotted.ts";
import { whole } from "../node/figures.ts";
import type { Chart } from "./chart.ts";
import { isNamed, limit } from "./question.ts";

/** As many as there are colours; what is more is one series together, or is told not to be shown. */
const SERIES_MAX = 6;

export type Drawing =
  | { kind: "empty" }
  | { kind: "axes"; plotted: Plotted; note: string }
  | { kind: "bars"; bars: { name: string; value: number }[]; note: string }
  | { kind: "stat"; value: number | null; compare: number | null; history: (number | null)[] }
  | { kind: "table"; columns: string[]; rows: Row[]; note: string };

export function draw(chart: Chart, answer: Row[]): Drawing {
  const most = limit(chart);
  const rows = answer.slice(0, most);
  const isCut = answer.length > most;
  if (rows.length === 0) return { kind: "empty" };
  if (chart.kind === "STAT") return stat(chart, rows);
  if (chart.kind === "TABLE") {
    const which = chart.overTime ? "newest" : "first";
    return { kind: "table", columns: chart.columns, rows, note: isCut ? `the ${which} ${most} rows` : "" };
  }
  const named = isNamed(chart);
  if (named && chart.series === null && chart.y.length === 1) {
    const [y = ""] = chart.y;
    const bars = rows.map((row) => ({ name: shown(row[chart.x ?? ""]), value: numeric(row[y]) ?? 0 }));
    return { kind: "bars", bars, note: isCut ? `the first ${most}` : "" };
  }
  return axes(chart, rows, isCut ? `${named ? "the first" : "the last"} ${whole(most)} rows` : "");
}

function stat(chart: Chart, rows: Row[]): Drawing {
  const figure = (row: Row | undefined, column: string | null) => (column === null ? null : numeric(row?.[column]));
  const history = chart.x === null ? [] : rows.map((row) => figure(row, chart.value)).reverse();
  return { kind: "stat", value: figure(rows[0], chart.value), compare: figure(rows[0], chart.compare), history };
}

const MARKS: Record<string, Mark> = { LINE: "line", AREA: "area", BAR: "bar", SCATTER: "scatter" };

function axes(chart: Chart, rows: Row[], cut: string): Drawing {
  const named = isNamed(chart);
  const names: string[] = [];
  const places = new Map<string, number>();
  const at = (value: Value | undefined): number | null => {
    if (chart.overTime) return time(value);
    if (!named) return numeric(value);
    const name = shown(value);
    const known = places.get(name);
    if (known !== undefined) return known;
    places.set(name, names.length);
    return names.push(name) - 1;
  };
  const all = new Map<string, Figures>();
  for (const row of rows) {
    const x = at(row[chart.x ?? ""]);
    if (x === null) continue;
    for (const y of chart.y) {
      const name = chart.series === null ? y : shown(row[chart.series]);
      const series = all.get(name) ?? { name, points: [], isRest: false };
      series.points.push({ x, y: numeric(row[y]) });
      all.set(name, series);
    }
  }
  const isStacked = chart.isStacked && all.size > 1;
  let summed = "";
  for (const series of all.values()) {
    series.points.sort((a, b) => a.x - b.x);
    const points = isStacked || chart.kind === "BAR" ? sums(series.points) : series.points;
    if (points.length < series.points.length) summed = `rows with the same ${chart.x} are summed up`;
    series.points = points;
  }
  const [series, left] = largest([...all.values()], isStacked);
  const note = [cut, left, summed].filter((each) => each !== "").join(", ");
  const mark = MARKS[chart.kind] ?? "line";
  const x = chart.overTime ? "time" : named ? "names" : "number";
  return { kind: "axes", plotted: { mark, x, names, series, isStacked }, note };
}

/** The largest, in the order of their names. Where series are summed up, the others are one of their own. */
function largest(all: Figures[], isStacked: boolean): [Figures[], string] {
  const byName = (a: Figures, b: Figures) => a.name.localeCompare(b.name);
  if (all.length <= SERIES_MAX) return [all.sort(byName), ""];
  const sorted = all.map((series) => ({ series, weight: weight(series) })).sort((a, b) => b.weight - a.weight);
  const kept = sorted.slice(0, isStacked ? SERIES_MAX - 1 : SERIES_MAX).map(({ series }) => series);
  const others = sorted.slice(kept.length).map(({ series }) => series);
  kept.sort(byName);
  if (!isStacked) return [kept, `the largest ${SERIES_MAX} of ${all.length} series`];
  return [[...kept, rest(others)], ""];
}

function rest(others: Figures[]): Figures {
  const points = sums(others.flatMap(({ points }) => points)).sort((a, b) => a.x - b.x);
  return { name: `${others.length} others`, points, isRest: true };
}

/** One figure for each place: a place has one bar. */
function sums(points: Figures["points"]): Figures["points"] {
  const all = new Map<number, number | null>();
  for (const { x, y } of points) {
    const before = all.get(x) ?? null;
    all.set(x, before === null || y === null ? (before ?? y) : before + y);
  }
  return [...all].map(([x, y]) => ({ x, y }));
}

function weight({ points }: Figures): number {
  return points.reduce((sum, { y }) => sum + Math.abs(y ?? 0), 0);
}
