// The last hour of a relation's figures as the node kept them, for what happened before this page was open.

import { literal, rows } from "../api/sql.ts";
import type { Sample } from "../node/history.ts";

interface Metric {
  at: string;
  metric: string;
  value: number;
}

/** Samples in the order of time; none where the node keeps none. */
export async function lastHour(name: string): Promise<Sample[]> {
  const query = `SELECT at, metric, value FROM system.metrics WHERE relation = ${literal(name)} ORDER BY at`;
  const found = await rows<Metric>(query).catch(() => []);
  const samples = new Map<number, Sample>();
  for (const { at, metric, value } of found) {
    const time = Date.parse(at);
    const sample = samples.get(time) ?? { at: time, rows: 0, rate: null, lag: null, behind_ms: null };
    if (metric === "rows") sample.rows = value;
    else if (metric === "rate") sample.rate = value;
    else if (metric === "lag") sample.lag = value;
    else if (metric === "watermark_lag_ms") sample.behind_ms = value;
    samples.set(time, sample);
  }
  return [...samples.values()];
}
