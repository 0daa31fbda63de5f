// Results of expectations, by suite and by when they were checked.

import type { ExpectationResult } from "../node/system.ts";

export interface Check {
  run: string;
  at_ms: number;
  /** From 0 to 1: the mean over its expectations, each the share that is valid. */
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
  return all.sort((a, b) => Number(holds(a)) - Number(holds(b)) || a.name.localeCompare(b.name));
}

/** Whether all was as expected when it was checked last. */
export function holds({ checks }: Suite): boolean {
  return checks.at(-1)?.results.every(({ success }) => success) ?? true;
}

function check(run: string, results: ExpectationResult[]): Check {
  const at_ms = Math.max(...results.map(({ checked_at }) => Date.parse(checked_at)));
  const scores = results.map(({ score, success }) => score ?? Number(success));
  const score = scores.reduce((sum, each) => sum + each, 0) / scores.length;
  // What failed comes first.
  return { run, at_ms, score, results: [...results].sort((a, b) => Number(a.success) - Number(b.success)) };
}

/** As it was declared: `column_values_to_not_be_null(category)`. */
export function called({ expectation, arguments: given }: ExpectationResult): string {
  return `${expectation}(${given ?? ""})`;
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
