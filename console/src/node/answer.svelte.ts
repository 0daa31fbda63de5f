// Rows that a part of a page asks for when it opens, and again when what they tell of has changed.

import { type Failure, failureFrom } from "../api/failure.ts";
import { rows } from "../api/sql.ts";
import { node } from "./node.svelte.ts";

export class Answer<T> {
  /** Null before the first answer. */
  rows = $state.raw<T[] | null>(null);
  failure = $state.raw<Failure | null>(null);
}

/** Asks `question`, none while it is null, and again when `of` says otherwise or the node was away. */
export function answer<T>(question: () => string | null, of: () => unknown = () => null): Answer<T> {
  const found = new Answer<T>();
  let query = $derived(node.reach === "up" ? question() : null);
  let state = $derived(JSON.stringify(of()));
  $effect(() => {
    void state;
    if (query === null) return;
    const leaving = new AbortController();
    rows<T>(query, leaving.signal).then(
      (rows) => ([found.rows, found.failure] = [rows, null]),
      (cause: unknown) => {
        const failure = failureFrom(cause);
        if (!leaving.signal.aborted && failure.kind !== "unreachable") found.failure = failure;
      },
    );
    return () => leaving.abort();
  });
  return found;
}
