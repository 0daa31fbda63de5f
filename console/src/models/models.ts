// What is told of models, as the pages of models show it.

import { literal, quoted } from "../api/sql.ts";
import type { Model, ModelDrift, ModelMetric } from "../node/system.ts";
import { is, textOf, within, words } from "../sql/clause.ts";

export interface Version {
  model: string;
  version: number;
  /** `champion`, `challenger`, `former champion`, `rejected` */
  role: string;
  trained_at: string;
  took_ms: number;
  rows: number;
  test_rows: number;
  bytes: number;
  /** JSON objects. */
  importances: string | null;
  inputs: string | null;
  run_id: number;
  promoted_at: string | null;
  promoted_for: string | null;
}

const LOWER = new Set(["rmse", "mae", "logloss", "brier"]);
/** What a version is told by where nothing else is asked of it, the first that it has. */
const TELLING = ["auc", "recall_at_10", "rmse", "accuracy"];

export function isLowerBetter(metric: string): boolean {
  return LOWER.has(metric);
}

/** The metric that decides: the first that PROMOTE WHEN names, else the usual one. */
export function keyMetric(definition: string, metrics: string[]): string | null {
  const condition = promotion(definition);
  const named = words(condition ?? "").find(({ kind, text }) => kind === "word" && metrics.includes(text.toLowerCase()));
  return named?.text.toLowerCase() ?? TELLING.find((metric) => metrics.includes(metric)) ?? metrics[0] ?? null;
}

/** The condition of PROMOTE WHEN. */
export function promotion(definition: string): string | null {
  const all = words(definition);
  const at = all.findIndex((word, index) => is(word, "promote") && is(all[index + 1], "when"));
  return at < 0 ? null : textOf(within(all, at), definition);
}

/** The query that it learns from. */
export function trainingQuery(definition: string): string | null {
  let depth = 0;
  for (const token of words(definition)) {
    depth += token.text === "(" ? 1 : token.text === ")" ? -1 : 0;
    if (depth === 0 && is(token, "as")) return definition.slice(token.start + token.text.length).trim();
  }
  return null;
}

/** Members of a JSON object of numbers, the greatest first. */
export function importances(text: string | null): { name: string; value: number }[] {
  return Object.entries(object(text))
    .map(([name, value]) => ({ name, value: Number(value) }))
    .sort((a, b) => b.value - a.value);
}

export function object(text: string | null): Record<string, unknown> {
  try {
    return (JSON.parse(text ?? "{}") ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}

export function inputs({ inputs: text }: Model): string[] {
  return text === "" ? [] : text.split(", ");
}

/** From where on a population stability index is worth a look, and worth a training: the usual bounds. */
export const PSI_MODERATE = 0.1;
export const PSI_LARGE = 0.25;

export type Level = "unknown" | "stable" | "moderate drift" | "large drift";

export function level(psi: number | null): Level {
  if (psi === null) return "unknown";
  if (psi < PSI_MODERATE) return "stable";
  return psi < PSI_LARGE ? "moderate drift" : "large drift";
}

export const TONES: Record<Level, "" | "warn" | "bad"> = {
  unknown: "",
  stable: "",
  "moderate drift": "warn",
  "large drift": "bad",
};

/** The score first, then what drifted most. */
export function byDrift(all: ModelDrift[]): ModelDrift[] {
  return [...all].sort((a, b) => Number(b.feature === null) - Number(a.feature === null) || (b.psi ?? -1) - (a.psi ?? -1));
}

export function worst(all: ModelDrift[]): ModelDrift | undefined {
  return all.reduce<ModelDrift | undefined>((most, each) => ((each.psi ?? -1) > (most?.psi ?? -1) ? each : most), undefined);
}

export function valueOf(all: ModelMetric[], version: number | null, metric: string | null): number | null {
  return all.find((each) => each.version === version && each.metric === metric)?.value ?? null;
}

/** Metrics by version, for versions that are told in their order. */
export function metricNames(all: ModelMetric[]): string[] {
  return [...new Set(all.map(({ metric }) => metric))].sort();
}

export type Asked = "explain" | "predict" | "recommend";

/** What can be asked of it: only some methods say why. */
export function asked({ method, predicts }: Model): Asked {
  if (predicts.startsWith("items")) return "recommend";
  const explains = ["gradient_boosted_trees", "logistic_regression", "linear_regression"].includes(method ?? "");
  return explains && !predicts.includes("ONNX") ? "explain" : "predict";
}

/** The question about one row of what was written into a form. */
export function question(model: Model, values: Record<string, string>): string {
  const columns = inputs(model).map((name) => `${value(values[name] ?? "")} AS ${quoted(name)}`);
  const row = `(SELECT ${columns.join(", ")})`;
  const name = quoted(model.name);
  const how = asked(model);
  if (how === "recommend") return `SELECT item, score FROM RECOMMEND(${row}, ${name}, 10)`;
  return `SELECT * FROM ${how === "explain" ? "ML_EXPLAIN" : "ML_PREDICT"}(${row}, ${name})`;
}

/** Nothing is NULL; a number that would be written the same way is one. */
function value(text: string): string {
  if (text.trim() === "") return "NULL";
  return String(Number(text)) === text.trim() && Number.isFinite(Number(text)) ? text.trim() : literal(text);
}

export interface Contribution {
  name: string;
  value: number;
}

/** Of which nothing is known, and what each feature adds to that, the largest first. */
export function contributions(explanation: string): { base: number; all: Contribution[]; sum: number } {
  const { "": base = 0, ...rest } = object(explanation) as Record<string, number>;
  const all = Object.entries(rest).map(([name, value]) => ({ name, value }));
  all.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  return { base, all, sum: all.reduce((sum, each) => sum + each.value, base) };
}

/** Each version that became the champion, the last first. */
export function promotions(versions: Version[]): Version[] {
  const promoted = versions.filter(({ promoted_at }) => promoted_at !== null);
  return promoted.sort((a, b) => Date.parse(b.promoted_at ?? "") - Date.parse(a.promoted_at ?? ""));
}
