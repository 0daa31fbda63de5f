// Runs as lanes of a timeline.

import type { Run } from "../node/system.ts";
import { objectPath } from "../shell/route.svelte.ts";

export interface Lane {
  object: string;
  kind: string;
  /** The newest first. */
  runs: Run[];
}

const OVER = new Set(["succeeded", "failed", "interrupted", "skipped"]);

export function isOver({ state, ended_at }: Run): boolean {
  return OVER.has(state) || ended_at !== null;
}

/** One for each object and kind, in the order of names: a lane stays where it is. */
export function lanes(runs: Run[]): Lane[] {
  const found = new Map<string, Lane>();
  for (const run of runs) {
    const key = `${run.kind} ${run.object}`;
    const lane = found.get(key) ?? { object: run.object, kind: run.kind, runs: [] };
    lane.runs.push(run);
    found.set(key, lane);
  }
  return [...found.values()].sort((a, b) => a.object.localeCompare(b.object) || a.kind.localeCompare(b.kind));
}

/** When it began, or should have, in milliseconds since 1970. */
export function begin({ started_at, due_at }: Run): number | null {
  const at = started_at ?? due_at;
  return at === null ? null : Date.parse(at);
}

export function took_ms({ started_at, ended_at }: Run, now_ms: number): number | null {
  if (started_at === null) return null;
  return Math.max(0, (ended_at === null ? now_ms : Date.parse(ended_at)) - Date.parse(started_at));
}

/** How a state is coloured. */
export function tone(state: string): "flow" | "bad" | "warn" | "" {
  if (state === "failed") return "bad";
  if (state === "interrupted" || state === "held") return "warn";
  return state === "running" ? "flow" : "";
}

/** JSON as people read it; what is none stays as it is. */
export function laidOut(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** The page of what it is a run of. */
export function pathOf({ object, kind }: { object: string; kind: string }): string {
  const of: Record<string, string> = { training: "model", analysis: "experiment", features: "feature view" };
  return objectPath(object, of[kind] ?? kind);
}

/** The statement that makes the run once more; none for kinds that have no statement. */
export function again(run: Run, quoted: (name: string) => string): string | null {
  if (run.kind === "check") return `CHECK EXPECTATIONS ${quoted(run.object)}`;
  if (run.kind === "training") return `TRAIN MODEL ${quoted(run.object)}`;
  if (run.kind === "analysis") return `ANALYZE EXPERIMENT ${quoted(run.object)}`;
  // Of one for a stretch of time, all rows are not what somebody asked for.
  return run.kind === "refresh" && run.cause !== "backfill" ? `REFRESH MATERIALIZED VIEW ${quoted(run.object)}` : null;
}
