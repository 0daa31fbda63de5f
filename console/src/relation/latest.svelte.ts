// The newest rows of a relation: those of a stream from its end, then as they are appended; those of anything else by
// asking again and again.

import { type Failure, failureFrom } from "../api/failure.ts";
import { own, quoted, run } from "../api/sql.ts";
import { newest, tail } from "../api/tail.ts";
import type { Row } from "../api/value.ts";
import { node } from "../node/node.svelte.ts";

const ROWS = 25;
const EVERY_MS = 2000;
const DRAW_MS = 100;
/** At most one part in so many of the node's time goes into showing what is newest. */
const SHARE = 20;

export class Latest {
  rows = $state.raw<Row[]>([]);
  failure = $state.raw<Failure | null>(null);
  /** Rows come by themselves. */
  isFollowed = $state(false);
  hasAsked = $state(false);
  isPaused = $state(false);

  private waiting: Row[] = [];
  private stopTail: (() => void) | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly abort = new AbortController();

  /** `time` is a column to order by where the newest are not what comes first. */
  constructor(
    private readonly name: string,
    private readonly time: string | null,
    isStream: boolean,
  ) {
    void (isStream ? this.begin() : this.ask());
  }

  close(): void {
    this.abort.abort();
    this.stopTail?.();
    clearTimeout(this.timer);
    clearInterval(this.timer);
  }

  private async begin(): Promise<void> {
    const { signal } = this.abort;
    try {
      const { rows, next } = await newest(this.name, ROWS, signal);
      this.rows = rows;
      this.failure = null;
      if (!signal.aborted) this.follow(next);
    } catch (cause) {
      const failure = failureFrom(cause);
      if (failure.kind === "cancelled") return;
      if (failure.kind !== "unreachable") this.failure = failure;
      this.timer = setTimeout(() => void this.begin(), EVERY_MS);
    }
    this.hasAsked = true;
  }

  private follow(from: string): void {
    this.timer = setInterval(() => this.draw(), DRAW_MS);
    const follower = {
      open: () => (this.isFollowed = true),
      rows: (rows: Row[]) => {
        this.waiting = [...this.waiting, ...rows].slice(-ROWS);
      },
      failed: (failure: Failure, isFinal: boolean) => {
        this.isFollowed = false;
        if (isFinal) this.failure = failure;
      },
    };
    this.stopTail = tail(this.name, follower, from);
  }

  /** Rows come faster than they can be drawn. */
  private draw(): void {
    if (this.waiting.length === 0 || this.isPaused) return;
    this.rows = [...this.waiting.reverse(), ...this.rows].slice(0, ROWS);
    this.waiting = [];
  }

  private async ask(): Promise<void> {
    let delay = EVERY_MS;
    if (!this.isPaused && !document.hidden && node.reach !== "down" && node.reach !== "locked") {
      const order = this.time === null ? "" : ` ORDER BY ${quoted(this.time)} DESC`;
      const began = performance.now();
      try {
        const rows: Row[] = [];
        const query = own(`SELECT * FROM ${quoted(this.name)}${order} LIMIT ${ROWS}`);
        await run(query, (more) => rows.push(...more) > 0, this.abort.signal);
        this.rows = rows;
        this.failure = null;
      } catch (cause) {
        const failure = failureFrom(cause);
        if (failure.kind === "cancelled") return;
        if (failure.kind !== "unreachable") this.failure = failure;
      }
      this.hasAsked = true;
      delay = Math.max(delay, (performance.now() - began) * SHARE);
    }
    if (!this.abort.signal.aborted) this.timer = setTimeout(() => void this.ask(), delay);
  }
}
