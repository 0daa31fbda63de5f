// Watermarks of relations: those of streams from their partitions, those of views from what they read.

import type { Lineage, Partition } from "./system.ts";

/** In milliseconds since 1970. A relation without a known watermark is absent. */
export function watermarks(partitions: Partition[], lineage: Lineage[]): Map<string, number> {
  const marks = new Map<string, number>();
  for (const { stream, watermark, idle } of partitions) {
    if (watermark === null) continue;
    const at = Date.parse(watermark);
    const least = marks.get(stream);
    // An idle partition does not hold the stream's watermark back, but it is all that there is if all are idle.
    if (least === undefined || (!idle && at < least)) marks.set(stream, at);
  }
  const inputs = new Map<string, string[]>();
  for (const { relation, depends_on } of lineage) {
    inputs.set(relation, [...(inputs.get(relation) ?? []), depends_on]);
  }
  const visiting = new Set<string>();
  const of = (name: string): number | undefined => {
    const known = marks.get(name);
    if (known !== undefined || visiting.has(name)) return known;
    visiting.add(name);
    const found = (inputs.get(name) ?? []).map(of).filter((mark) => mark !== undefined);
    if (found.length === 0) return undefined;
    const least = Math.min(...found);
    marks.set(name, least);
    return least;
  };
  for (const name of inputs.keys()) of(name);
  return marks;
}
