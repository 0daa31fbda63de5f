// A chart and a range of times → the question that is asked for it. What is too much is left out here, in SQL, with a
// row more than is drawn, so that it is told.

import { literal, own, quoted } from "../api/sql.ts";
import type { Chart } from "./chart.ts";
import type { Range } from "./range.ts";

/** More points than a chart has pixels. */
export const POINTS_MAX = 5000;
export const NAMES_MAX = 40;
export const TABLE_MAX = 200;
const SPARK_MAX = 200;
const DAY_MS = 86_400_000;

export function limit(chart: Chart): number {
  if (chart.kind === "TABLE") return TABLE_MAX;
  if (chart.kind === "STAT") return chart.x === null ? 1 : SPARK_MAX;
  return isNamed(chart) && chart.series === null ? NAMES_MAX : POINTS_MAX;
}

/** Bars below which names stand. */
export function isNamed(chart: Chart): boolean {
  return chart.kind === "BAR" && !chart.overTime && !isNumber(chart.types.get(chart.x ?? ""));
}

export function question(chart: Chart, range: Range, now_ms: number): string {
  // Around it, a query would lose its order; who reads the answer stops at the limit.
  if (!chart.overTime && isOrdered(chart)) return own(chart.query);
  const named = [chart.x, ...chart.y, chart.series, chart.value, chart.compare].filter((name) => name !== null);
  const columns = chart.kind === "TABLE" ? chart.columns : [...new Set(named)];
  let text = `SELECT ${columns.map(quoted).join(", ")} FROM (${chart.query}) AS drawn`;
  const conditions = chart.overTime ? bounds(chart, range, now_ms) : [];
  if (conditions.length > 0) text += ` WHERE ${conditions.join(" AND ")}`;
  const order = ordered(chart);
  if (order !== null) text += ` ORDER BY ${order}`;
  return own(`${text} LIMIT ${limit(chart) + 1}`);
}

/** When the newest row of all times is. */
export function newestQuestion(chart: Chart): string {
  return own(`SELECT max(${quoted(chart.x ?? "")}) AS newest FROM (${chart.query}) AS drawn`);
}

function bounds(chart: Chart, range: Range, now_ms: number): string[] {
  if (range.kind === "all") return [];
  const x = quoted(chart.x ?? "");
  const [from, until] = range.kind === "own" ? [range.from_ms, range.until_ms] : [now_ms - range.length_ms, null];
  if (until === null) return [`${x} >= ${moment(chart, from)}`];
  // A day that has begun is shown.
  const end = chart.types.get(chart.x ?? "") === "DATE" ? Math.ceil(until / DAY_MS) * DAY_MS : until;
  return [`${x} >= ${moment(chart, from)}`, `${x} < ${moment(chart, end)}`];
}

function moment(chart: Chart, at_ms: number): string {
  const text = new Date(at_ms).toISOString();
  if (chart.types.get(chart.x ?? "") === "DATE") return `DATE ${literal(text.slice(0, 10))}`;
  return `TIMESTAMP ${literal(text.replace("T", " ").slice(0, 23))}`;
}

/** Of times and numbers, the last ones are kept, of bars with names the longest. */
function ordered(chart: Chart): string | null {
  if (isNamed(chart)) return `${quoted(chart.y[0] ?? "")} DESC`;
  return chart.x === null ? null : `${quoted(chart.x)} DESC`;
}

function isOrdered(chart: Chart): boolean {
  return (isNamed(chart) || chart.kind === "TABLE" || chart.kind === "STAT") && /\border by\b/i.test(chart.query);
}

function isNumber(type: string | undefined): boolean {
  return /^(SMALLINT|INT|BIGINT|REAL|DOUBLE|DECIMAL|TINYINT|.*UNSIGNED|UINT)/.test(type ?? "");
}
