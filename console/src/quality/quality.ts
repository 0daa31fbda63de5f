// Results of expectations, by suite and by when they were checked.

import type { ExpectationResult } from "../node/system.ts";

export interface Check {
  run: string;
  at_ms: number;
  /** From 0 to 1, as the node tells it; else the share that succeeded. */
  score: number;
  results: ExpectationResult[];
}

export interface Suite {
  name: string;
  relation: string;
  /** The oldest first. */
  checks: Check[];
}

export function suites(results: ExpectationResult[]): Suite[] {
  const found = new Map<string, Map<string, ExpectationResult[]>>();
  for (const result of results) {
    const runs = found.get(result.suite) ?? new Map<string, ExpectationResult[]>();
    const run = runs.get(String(result.run_id)) ?? [];
    run.push(result);
    runs.set(String(result.run_id), run);
    found.set(result.suite, runs);
  }
  const all = [...found].map(([name, runs]) => {
    const checks = [...runs].map(([run, of]) => check(run, of)).sort((a, b) => a.at_ms - b.at_ms);
    return { name, relation: checks[0]?.results[0]?.relation ?? "", checks };
  });
  // What failed comes first.
  const last = ({ checks }: Suite) => checks.at(-1)?.score ?? 1;
  return all.sort((a, b) => Number(last(a) === 1) - Number(last(b) === 1) || a.name.localeCompare(b.name));
}

function check(run: string, results: ExpectationResult[]): Check {
  const at_ms = Math.max(...results.map(({ checked_at }) => Date.parse(checked_at)));
  const told = results.find(({ score }) => score !== null)?.score;
  const score = told ?? results.filter(({ success }) => success).length / results.length;
  // What failed comes first.
  return { run, at_ms, score, results: [...results].sort((a, b) => Number(a.success) - Number(b.success)) };
}

/** As a call: `column_values_to_not_be_null(category)`. */
export function called({ expectation, column_name, arguments: given }: ExpectationResult): string {
  return `${expectation}(${[column_name, plain(given)].filter((each) => each !== null && each !== "").join(", ")})`;
}

function plain(given: string | null): string | null {
  if (given === null) return null;
  try {
    const value: unknown = JSON.parse(given);
    if (Array.isArray(value)) return value.map((each) => JSON.stringify(each)).join(", ");
    if (typeof value !== "object" || value === null) return String(value);
    return Object.entries(value).map(([name, each]) => `${name} = ${JSON.stringify(each)}`).join(", ");
  } catch {
    return given;
  }
}

/** Samples as rows of texts; what is no array stands alone. */
export function samples({ samples: text }: ExpectationResult): string[] {
  if (text === null) return [];
  try {
    const value: unknown = JSON.parse(text);
    const all = Array.isArray(value) ? value : [value];
    return all.map((each) => (typeof each === "string" ? each : JSON.stringify(each)));
  } catch {
    return [text];
  }
}
