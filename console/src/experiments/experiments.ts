// What came of experiments, as their pages show it.

import { exactly, figure } from "../chart/figure.ts";
import type { Experiment } from "../node/system.ts";
import type { Declared } from "./declared.ts";

/** One metric of one variant in one analysis. All but units and mean are null of the control. */
export interface Result {
  run_id: number;
  analysed_at: string;
  metric: string;
  /** `proportion`, `mean`, `ratio` */
  kind: string;
  variant: string;
  units: number;
  mean: number | null;
  method: string | null;
  difference: number | null;
  low: number | null;
  high: number | null;
  relative: number | null;
  relative_low: number | null;
  relative_high: number | null;
  p_value: number | null;
  p_adjusted: number | null;
  sequential_low: number | null;
  sequential_high: number | null;
  sequential_p_value: number | null;
  cuped_mean: number | null;
  cuped_difference: number | null;
  cuped_low: number | null;
  cuped_high: number | null;
  cuped_p_value: number | null;
  cuped_p_adjusted: number | null;
  cuped_sequential_low: number | null;
  cuped_sequential_high: number | null;
  cuped_sequential_p_value: number | null;
  variance_reduction: number | null;
  detectable: number | null;
  detectable_relative: number | null;
  power: number | null;
  units_needed: number | null;
  verdict: string | null;
  invalid: string | null;
}

/** What of a result is asked for to draw how it went. */
export type Past = Pick<
  Result,
  | "run_id"
  | "analysed_at"
  | "metric"
  | "variant"
  | "units"
  | "mean"
  | "difference"
  | "low"
  | "high"
  | "sequential_low"
  | "sequential_high"
  | "cuped_difference"
  | "cuped_low"
  | "cuped_high"
  | "cuped_sequential_low"
  | "cuped_sequential_high"
  | "invalid"
>;

export const PAST: (keyof Past)[] = [
  "run_id",
  "analysed_at",
  "metric",
  "variant",
  "units",
  "mean",
  "difference",
  "low",
  "high",
  "sequential_low",
  "sequential_high",
  "cuped_difference",
  "cuped_low",
  "cuped_high",
  "cuped_sequential_low",
  "cuped_sequential_high",
  "invalid",
];

export type Interval = [low: number, high: number];

/** A variant against the control, with what units did before taken out where that is known. */
export interface Effect {
  difference: number;
  /** Of one look that was fixed before, and of all looks together. */
  once: Interval | null;
  any: Interval | null;
  isCuped: boolean;
}

export function effect(row: Past): Effect | null {
  const isCuped = row.cuped_difference !== null;
  const difference = isCuped ? row.cuped_difference : row.difference;
  if (difference === null) return null;
  const once = isCuped ? interval(row.cuped_low, row.cuped_high) : interval(row.low, row.high);
  const any = isCuped
    ? interval(row.cuped_sequential_low, row.cuped_sequential_high)
    : interval(row.sequential_low, row.sequential_high);
  return { difference, once, any, isCuped };
}

function interval(low: number | null, high: number | null): Interval | null {
  return low === null || high === null ? null : [low, high];
}

/** The interval that verdicts go by. */
export function judging({ once, any }: Effect, { looks }: Declared): Interval | null {
  return looks === "any" ? any : once;
}

/** A difference as a share of the control's mean; null where that can't be told from nought. */
export function shareOf(difference: number | null, { relative }: Pick<Result, "relative">, control: number | null): number | null {
  return difference === null || relative === null || control === null || control === 0 ? null : difference / Math.abs(control);
}

/** All of it as shares of the control's mean. */
export function scaled(found: Effect, row: Result, control: number | null): Effect | null {
  const by = (value: number): number | null => shareOf(value, row, control);
  const both = (ends: Interval | null): Interval | null => (ends === null ? null : interval(by(ends[0]), by(ends[1])));
  const difference = by(found.difference);
  return difference === null ? null : { ...found, difference, once: both(found.once), any: both(found.any) };
}

/** Variants with their weights, the control first: `control 1, treatment 1`. */
export function variants({ variants: text }: Experiment): { name: string; weight: number }[] {
  return text.split(", ").map((each) => {
    const at = each.lastIndexOf(" ");
    return { name: each.slice(0, at), weight: Number(each.slice(at + 1)) };
  });
}

export interface Counted {
  name: string;
  weight: number;
  observed: number;
  expected: number;
}

/** Units of each variant against their weights, of the metric that has the most of them. */
export function counted(experiment: Experiment, results: Result[]): Counted[] {
  const all = variants(experiment);
  const of = (metric: string, variant: string): number =>
    results.find((row) => row.metric === metric && row.variant === variant)?.units ?? 0;
  const total = (metric: string): number => all.reduce((sum, { name }) => sum + of(metric, name), 0);
  const metrics = [...new Set(results.map(({ metric }) => metric))];
  const most = metrics.reduce<string | undefined>((best, each) => (best === undefined || total(each) > total(best) ? each : best), undefined);
  if (most === undefined) return [];
  const weights = all.reduce((sum, { weight }) => sum + weight, 0);
  return all.map(({ name, weight }) => ({
    name,
    weight,
    observed: of(most, name),
    expected: (total(most) * weight) / weights,
  }));
}

/** How a verdict is coloured. */
export function tone(verdict: string | null): "good" | "bad" | "warn" | "" {
  if (verdict === "better" || verdict === "guardrail held") return "good";
  if (verdict === "worse" || verdict === "guardrail violated") return "bad";
  return verdict === "guardrail open" ? "warn" : "";
}

export function probability(p: number | null): string {
  if (p === null) return "–";
  return p < 0.0001 ? "< 0.0001" : exactly(p);
}

export function said(p: number): string {
  return p < 0.0001 ? "p < 0.0001" : `p = ${probability(p)}`;
}

/** With a sign, of proportions in points of a hundred. */
export function change(value: number, kind: string): string {
  const size = Math.abs(value);
  return sign(value) + (kind === "proportion" ? `${(size * 100).toFixed(2)} pp` : figure(size));
}

/** The same beside an axis. */
export function briefly(value: number, kind: string): string {
  const size = Math.abs(value);
  return sign(value) + (kind === "proportion" ? `${figure(size * 100)} pp` : figure(size));
}

export function level(value: number | null, kind: string): string {
  if (value === null) return "–";
  return kind === "proportion" ? `${(value * 100).toFixed(2)} %` : figure(value);
}

/** A share of the control, with a sign. */
export function lift(value: number): string {
  const size = Math.abs(value) * 100;
  return `${sign(value)}${size < 100 ? size.toFixed(1) : figure(size)} %`;
}

function sign(value: number): string {
  return value > 0 ? "+" : value < 0 ? "−" : "";
}
