// What is the matter with a relation, in the order in which one wants to know.

import type { Sections } from "../node/system.ts";

export type Matter =
  | { kind: "stopped"; reason: string }
  | { kind: "paused" }
  | { kind: "retrying"; reason: string }
  | { kind: "replaying"; share: number }
  | { kind: "lagging"; lag: number }
  | { kind: "dead letters"; count: number };

/** Rows that wait for so many ticks that one should look; a tick's worth is nothing. */
const LAG_WORTH_TELLING = 1000;

export function matters(data: Sections, name: string): Matter[] {
  const found: Matter[] = [];
  const stopped =
    data.views.find((view) => view.name === name)?.stopped ??
    data.partitions.find((partition) => partition.stream === name && partition.stopped !== null)?.stopped;
  if (stopped) found.push({ kind: "stopped", reason: stopped });
  if (data.views.find((view) => view.name === name)?.paused) found.push({ kind: "paused" });
  const outside = [...data.sources, ...data.sinks].find((each) => each.name === name);
  if (outside?.state === "stopped") found.push({ kind: "stopped", reason: outside.failure ?? "" });
  if (outside?.state === "retrying") found.push({ kind: "retrying", reason: outside.failure ?? "" });
  const replay = data.replays.find((each) => each.view === name && each.state === "running");
  if (replay) found.push({ kind: "replaying", share: shareOf(replay.rows_done, replay.rows_total) });
  const lag = data.streams.find((stream) => stream.name === name)?.lag ?? 0;
  if (lag >= LAG_WORTH_TELLING) found.push({ kind: "lagging", lag });
  const count = data.dead_letters.find((each) => each.relation === name)?.dead_letters ?? 0;
  if (count > 0) found.push({ kind: "dead letters", count });
  return found;
}

export function shareOf(done: number, total: number): number {
  return total <= 0 ? 1 : Math.min(1, done / total);
}
