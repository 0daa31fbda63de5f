// A layered layout: rows flow from left to right, and each relation stands one layer after the last that it reads.
//
// The steps are those of Sugiyama's method: layers by longest path, dummies where an edge passes a layer, order in the
// layers by medians, and places by least squares under a minimal distance. Equal graphs give equal layouts.

import type { Edge, Graph } from "./model.ts";

export const CARD_WIDTH = 200;
export const CARD_HEIGHT = 74;
export const LAYER_GAP = 116;
const ROW_GAP = 22;
const DUMMY_HEIGHT = 14;
const SWEEPS = 8;

export interface Placed {
  name: string;
  x: number;
  y: number;
  layer: number;
}

export interface Route {
  edge: Edge;
  /** An SVG path from the right side of one card to the left side of another. */
  path: string;
  /** Where its figures stand: where it runs straight and no other does. */
  label: { x: number; y: number; side: Side };
}

/** Of the line: where the edge bends away from, or on both sides of one that runs straight. */
export type Side = "above" | "below" | "both";

export interface Layout {
  cards: Map<string, Placed>;
  /** Names by layer, from top to bottom. */
  layers: string[][];
  routes: Route[];
  width: number;
  height: number;
}

interface Slot {
  id: string;
  layer: number;
  height: number;
  y: number;
  before: Slot[];
  after: Slot[];
}

export function layout(graph: Graph): Layout {
  const layerOf = layers(graph);
  const { rows, chains } = slots(graph, layerOf);
  order(rows);
  place(rows);
  const top = Math.min(0, ...rows.flat().map((slot) => slot.y - slot.height / 2));
  for (const slot of rows.flat()) slot.y -= top;
  const x = (layer: number): number => layer * (CARD_WIDTH + LAYER_GAP);
  const isCard = (slot: Slot): boolean => slot.height === CARD_HEIGHT;
  const cards = new Map<string, Placed>();
  for (const slot of rows.flat().filter(isCard)) {
    cards.set(slot.id, { name: slot.id, x: x(slot.layer), y: slot.y - CARD_HEIGHT / 2, layer: slot.layer });
  }
  return {
    cards,
    layers: rows.map((row) => row.filter(isCard).map((slot) => slot.id)),
    routes: chains.map(({ edge, chain }) => routed(edge, chain, x)),
    width: Math.max(0, rows.length * (CARD_WIDTH + LAYER_GAP) - LAYER_GAP),
    height: Math.max(0, ...rows.flat().map((slot) => slot.y + slot.height / 2)),
  };
}

/** The longest path to each relation; then what has no inputs moves next to what it feeds. */
function layers({ vertices, edges }: Graph): Map<string, number> {
  const inputs = new Map<string, string[]>();
  for (const { from, to } of edges) inputs.set(to, [...(inputs.get(to) ?? []), from]);
  const depth = new Map<string, number>();
  const visiting = new Set<string>();
  const of = (name: string): number => {
    const known = depth.get(name);
    if (known !== undefined) return known;
    if (visiting.has(name)) return 0;
    visiting.add(name);
    const found = Math.max(-1, ...(inputs.get(name) ?? []).map(of)) + 1;
    depth.set(name, found);
    return found;
  };
  for (const { name } of vertices) of(name);
  for (const { name } of vertices) {
    if (inputs.has(name)) continue;
    const fed = edges.filter((edge) => edge.from === name).map((edge) => depth.get(edge.to) ?? 1);
    if (fed.length > 0) depth.set(name, Math.max(0, Math.min(...fed) - 1));
  }
  return depth;
}

function slots(graph: Graph, layerOf: Map<string, number>): { rows: Slot[][]; chains: { edge: Edge; chain: Slot[] }[] } {
  const rows: Slot[][] = [];
  const add = (id: string, layer: number, height: number): Slot => {
    const slot: Slot = { id, layer, height, y: 0, before: [], after: [] };
    while (rows.length <= layer) rows.push([]);
    rows[layer]?.push(slot);
    return slot;
  };
  const cards = new Map<string, Slot>();
  const named = [...graph.vertices].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { name } of named) cards.set(name, add(name, layerOf.get(name) ?? 0, CARD_HEIGHT));
  const chains: { edge: Edge; chain: Slot[] }[] = [];
  for (const edge of graph.edges) {
    const [from, to] = [cards.get(edge.from), cards.get(edge.to)];
    if (from === undefined || to === undefined || from.layer >= to.layer) continue;
    const chain = [from];
    for (let layer = from.layer + 1; layer < to.layer; layer += 1) {
      chain.push(add(`${edge.from}→${edge.to}@${layer}`, layer, DUMMY_HEIGHT));
    }
    chain.push(to);
    for (let index = 1; index < chain.length; index += 1) {
      const [one, next] = [chain[index - 1] as Slot, chain[index] as Slot];
      one.after.push(next);
      next.before.push(one);
    }
    chains.push({ edge, chain });
  }
  return { rows, chains };
}

/** Sorts layers by the mean place of neighbours, forth and back, and keeps the order with the fewest crossings. */
function order(rows: Slot[][]): void {
  let best = rows.map((row) => [...row]);
  let least = crossings(rows);
  for (let sweep = 0; sweep < SWEEPS && least > 0; sweep += 1) {
    const isForth = sweep % 2 === 0;
    for (const row of isForth ? rows : [...rows].reverse()) {
      const places = new Map<Slot, number>();
      for (const slot of row) {
        const near = isForth ? slot.before : slot.after;
        const all = near.map((other) => rows[other.layer]?.indexOf(other) ?? 0);
        places.set(slot, all.length > 0 ? all.reduce((sum, each) => sum + each, 0) / all.length : row.indexOf(slot));
      }
      row.sort((a, b) => (places.get(a) ?? 0) - (places.get(b) ?? 0));
    }
    const now = crossings(rows);
    if (now < least) {
      least = now;
      best = rows.map((row) => [...row]);
    }
  }
  best.forEach((row, layer) => rows.splice(layer, 1, row));
}

function crossings(rows: Slot[][]): number {
  let count = 0;
  for (const row of rows) {
    const ends = row.flatMap((slot, at) => slot.after.map((next) => [at, rows[next.layer]?.indexOf(next) ?? 0] as const));
    for (const [a, b] of ends) {
      for (const [c, d] of ends) if (a < c && b > d) count += 1;
    }
  }
  return count;
}

/** Moves each slot towards its neighbours as far as its layer leaves room, forth and back. */
function place(rows: Slot[][]): void {
  for (const row of rows) spread(row, row.map(() => 0));
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (const row of sweep % 2 === 0 ? rows : [...rows].reverse()) {
      const wanted = row.map((slot) => {
        const near = [...slot.before, ...slot.after];
        return near.length === 0 ? slot.y : near.reduce((sum, other) => sum + other.y, 0) / near.length;
      });
      spread(row, wanted);
    }
  }
}

/** The places nearest to those wanted that keep order and distance: pools of adjacent violators. */
function spread(row: Slot[], wanted: number[]): void {
  const offsets: number[] = [];
  let total = 0;
  row.forEach((slot, index) => {
    const before = row[index - 1];
    if (before !== undefined) total += (before.height + slot.height) / 2 + ROW_GAP;
    offsets.push(total);
  });
  const pools: { sum: number; size: number }[] = [];
  row.forEach((_, index) => {
    let pool = { sum: (wanted[index] ?? 0) - (offsets[index] ?? 0), size: 1 };
    for (let last = pools.at(-1); last && last.sum / last.size > pool.sum / pool.size; last = pools.at(-1)) {
      pool = { sum: last.sum + pool.sum, size: last.size + pool.size };
      pools.pop();
    }
    pools.push(pool);
  });
  let index = 0;
  for (const pool of pools) {
    for (const end = index + pool.size; index < end; index += 1) {
      const slot = row[index];
      if (slot !== undefined) slot.y = pool.sum / pool.size + (offsets[index] ?? 0);
    }
  }
}

/** Where in a gap an edge bends, and where its figures stand, as shares of the gap. */
const EARLY = { bend: 0.22, label: 0.63 };
const MIDDLE = { bend: 0.5, label: 0.5 };
const LATE = { bend: 0.78, label: 0.37 };

/** An edge that rises or falls no more than that leaves room for figures on both sides. */
const STRAIGHT = 20;

/** Edges that part from one card bend where they leave it, those that meet in one where they arrive. */
function routed(edge: Edge, chain: Slot[], x: (layer: number) => number): Route {
  const [first, last] = [chain[0] as Slot, chain.at(-1) as Slot];
  const meets = last.before.length > 1;
  const way = !meets ? EARLY : first.after.length === 1 ? LATE : MIDDLE;
  const labelled = way === LATE ? 1 : chain.length - 1;
  let path = "";
  let label: Route["label"] = { x: 0, y: 0, side: "both" };
  for (let index = 1; index < chain.length; index += 1) {
    const [from, to] = [chain[index - 1] as Slot, chain[index] as Slot];
    const startX = x(from.layer) + CARD_WIDTH;
    const bend = startX + LAYER_GAP * way.bend;
    path += `${index === 1 ? "M" : "L"}${startX} ${from.y}C${bend} ${from.y} ${bend} ${to.y} ${x(to.layer)} ${to.y}`;
    if (index === labelled) {
      const y = way === EARLY ? to.y : way === LATE ? from.y : (from.y + to.y) / 2;
      const rise = way === LATE ? to.y - from.y : from.y - to.y;
      const side = way === MIDDLE || Math.abs(rise) < STRAIGHT ? "both" : rise > 0 ? "above" : "below";
      label = { x: startX + LAYER_GAP * way.label, y, side };
    }
  }
  return { edge, path, label };
}
