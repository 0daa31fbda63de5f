// `POST /v1/plan`: what a statement would change, without changing it.

import { failureFrom, failureOf } from "./failure.ts";

export interface Step {
  /** All of it in one line. */
  text: string;
  change: "create" | "alter" | "drop" | "rebuild" | "pause" | "resume" | "reset";
  /** Such as `materialized view`. */
  kind: string;
  name: string;
  class: "no effect" | "non-breaking" | "breaking";
  rows: "kept" | "replayed" | "made" | "deleted" | "archived" | "none";
  /** At most so many records are gone through once more. */
  replayed_rows: number | null;
  last_replay: { rows: number; took_ms: number } | null;
  /** What reads it, directly or not. */
  dependents: string[];
}

export interface Planned {
  steps: Step[];
  notices: string[];
}

export async function plan(statement: string, signal: AbortSignal): Promise<Planned> {
  const response = await fetch("/v1/plan", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ statement }),
    signal,
  }).catch((cause: unknown) => {
    throw failureFrom(cause);
  });
  if (!response.ok) throw await failureOf(response);
  return (await response.json().catch((cause: unknown) => {
    throw failureFrom(cause);
  })) as Planned;
}

/** Whether two plans mean the same. How many rows there are, and how long it took, changes by itself. */
export function sameMeaning(one: Planned, other: Planned): boolean {
  const meaning = ({ steps }: Planned): string =>
    JSON.stringify(steps.map(({ change, kind, name, class: effect, rows, dependents }) => [change, kind, name, effect, rows, dependents]));
  return meaning(one) === meaning(other);
}
