// The newest rows of a relation: followed where it is a stream and the node serves its tail, else asked for again and
// again.

import { type Failure, failureFrom } from "../api/failure.ts";
import { quoted, run } from "../api/sql.ts";
import { tail } from "../api/tail.ts";
import type { Row } from "../api/value.ts";
import { node } from "../node/node.svelte.ts";

const ROWS = 25;
const EVERY_MS = 2000;
/** At most one part in so many of the node's time goes into showing what is newest. */
const SHARE = 20;

export class Latest {
  rows = $state.raw<Row[]>([]);
  failure = $state.raw<Failure | null>(null);
  /** Rows come by themselves. */
  isFollowed = $state(false);
  hasAsked = $state(false);
  isPaused = $state(false);

  private stopTail: (() => void) | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly abort = new AbortController();

  /** `time` is a column to order by where the newest are not what comes first. */
  constructor(
    private readonly name: string,
    private readonly time: string | null,
    isStream: boolean,
  ) {
    void this.ask(!isStream);
    if (isStream) this.follow();
  }

  close(): void {
    this.abort.abort();
    this.stopTail?.();
    clearTimeout(this.timer);
  }

  private follow(): void {
    this.stopTail = tail(this.name, {
      open: () => (this.isFollowed = true),
      rows: (rows) => {
        if (!this.isPaused) this.rows = [...rows.reverse().slice(0, ROWS), ...this.rows].slice(0, ROWS);
      },
      failed: (_, isFinal) => {
        this.isFollowed = false;
        // A node that does not serve tails is asked by SQL.
        if (isFinal) this.later(EVERY_MS);
      },
    });
  }

  private async ask(again: boolean): Promise<void> {
    if (!this.isPaused && !document.hidden && node.reach !== "down") {
      const order = this.time === null ? "" : ` ORDER BY ${quoted(this.time)} DESC`;
      const began = performance.now();
      try {
        const rows: Row[] = [];
        const query = `SELECT * FROM ${quoted(this.name)}${order} LIMIT ${ROWS}`;
        await run(query, (more) => rows.push(...more) > 0, this.abort.signal);
        if (!this.isFollowed || this.rows.length === 0) this.rows = rows;
        this.failure = null;
      } catch (cause) {
        const failure = failureFrom(cause);
        if (failure.kind === "cancelled") return;
        if (failure.kind !== "unreachable") this.failure = failure;
      }
      this.hasAsked = true;
      if (again) this.later(Math.max(EVERY_MS, (performance.now() - began) * SHARE));
    } else if (again) {
      this.later(EVERY_MS);
    }
  }

  private later(delay: number): void {
    clearTimeout(this.timer);
    if (!this.abort.signal.aborted) this.timer = setTimeout(() => void this.ask(true), delay);
  }
}
