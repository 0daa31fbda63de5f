// The project's graph: relations, and which rows flow between them.

import type { Sections } from "../node/system.ts";
import type { History } from "../node/history.ts";

export interface Vertex {
  name: string;
  kind: string;
}

export interface Edge {
  from: string;
  to: string;
}

export interface Graph {
  vertices: Vertex[];
  edges: Edge[];
}

/** In the direction in which rows flow. A source depends on what it feeds, so its edge is turned round. */
export function graphOf({ relations, lineage, streams, views }: Sections): Graph {
  const vertices = new Map<string, Vertex>();
  // No row flows into what draws rows.
  const flowing = relations.filter(({ kind }) => kind !== "chart" && kind !== "dashboard");
  for (const { name, kind } of flowing) vertices.set(name, { name, kind });
  if (relations.length === 0) {
    // A node that does not tell its relations still tells what runs.
    for (const { name } of streams) vertices.set(name, { name, kind: "stream" });
    for (const { name, kind } of views) vertices.set(name, { name, kind });
  }
  const edges: Edge[] = [];
  for (const { relation, depends_on } of lineage) {
    if (!vertices.has(relation) || !vertices.has(depends_on)) continue;
    const isSource = vertices.get(relation)?.kind === "source";
    edges.push(isSource ? { from: relation, to: depends_on } : { from: depends_on, to: relation });
  }
  return { vertices: [...vertices.values()], edges };
}

export interface Neighbours {
  before: string[];
  after: string[];
}

export function neighbours({ edges }: Graph, name: string): Neighbours {
  return {
    before: edges.filter((edge) => edge.to === name).map((edge) => edge.from),
    after: edges.filter((edge) => edge.from === name).map((edge) => edge.to),
  };
}

/** Rows a second through an edge: what comes in at its end, else what its beginning gives. */
export function flow(graph: Graph, history: History, edge: Edge): number | null {
  const into = graph.edges.filter((other) => other.to === edge.to);
  const isOnly = into.length === 1;
  const source = graph.vertices.find((vertex) => vertex.name === edge.from)?.kind === "source";
  // Of several sources that feed one stream nobody counts each.
  if (source) return isOnly ? (history.last(edge.to)?.rate ?? null) : null;
  const incoming = isOnly ? history.last(`${edge.to}/in`) : undefined;
  return (incoming ?? history.last(edge.from))?.rate ?? null;
}
