// Charts and dashboards as `system.charts` and `system.dashboards` tell them.

import type { ChartRow, DashboardRow } from "../node/system.ts";

export type ChartKind = "LINE" | "BAR" | "AREA" | "SCATTER" | "STAT" | "TABLE";

export interface Chart {
  name: string;
  kind: ChartKind;
  title: string;
  unit: string;
  query: string;
  /** Across; of a stat and a table, the time that they are filtered by. */
  x: string | null;
  /** The dashboard's range filters it. */
  overTime: boolean;
  y: string[];
  series: string | null;
  value: string | null;
  compare: string | null;
  /** Those that a table shows. */
  columns: string[];
  types: ReadonlyMap<string, string>;
  isStacked: boolean;
  /** What has its rows. */
  relations: string[];
}

interface Options {
  x?: string;
  over_time?: boolean;
  y?: string[];
  series?: string;
  value?: string;
  compare?: string;
  columns?: string[];
  unit?: string;
  stacked?: boolean;
}

export function chartOf(row: ChartRow): Chart {
  const options = JSON.parse(row.options) as Options;
  const columns = JSON.parse(row.columns) as { name: string; type: string }[];
  return {
    name: row.name,
    kind: row.kind as ChartKind,
    title: row.title ?? row.name,
    unit: options.unit ?? "",
    query: row.query,
    x: options.x ?? null,
    overTime: options.over_time ?? false,
    y: options.y ?? [],
    series: options.series ?? null,
    value: options.value ?? null,
    compare: options.compare ?? null,
    columns: options.columns ?? columns.map(({ name }) => name),
    types: new Map(columns.map(({ name, type }) => [name, type])),
    isStacked: options.stacked ?? false,
    relations: JSON.parse(row.relations) as string[],
  };
}

export interface Dashboard {
  name: string;
  title: string;
  rows: { chart: string; width: number }[][];
  /** None: all times. */
  range_ms: number | null;
  refresh_ms: number;
}

export function dashboardOf(row: DashboardRow): Dashboard {
  const options = JSON.parse(row.options) as { range_ms: number | null; refresh_ms: number };
  const rows = JSON.parse(row.layout) as Dashboard["rows"];
  return { name: row.name, title: row.title ?? row.name, rows, ...options };
}
