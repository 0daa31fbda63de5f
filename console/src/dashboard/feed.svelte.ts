// The rows of one chart. One question is in flight at a time; what is shown stays until its answer is there.

import { type Failure, failureFrom } from "../api/failure.ts";
import { run } from "../api/sql.ts";
import type { Row } from "../api/value.ts";

/** At most one part in so many of the time goes into asking for one chart. */
const SHARE = 4;
const RETRY_MS = 3000;

export interface Wanted {
  /** Another chart, or another range: asked for at once. */
  what: string;
  /** Equal as long as the answer is. */
  version: string;
  question: string;
  /** As many rows are read. */
  most: number;
}

export class Feed {
  rows = $state.raw<Row[] | null>(null);
  failure = $state.raw<Failure | null>(null);
  /** What is shown is of another range than is wanted. */
  isBehind = $state(false);
  /** Counts answers. */
  answers = $state(0);

  private wanted: Wanted | null = null;
  private asked: Wanted | null = null;
  private abort: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private began = Number.NEGATIVE_INFINITY;
  private took = 0;

  constructor(private readonly refresh_ms: number) {}

  want(wanted: Wanted): void {
    const { asked } = this;
    this.wanted = wanted;
    if (asked?.what === wanted.what && asked.version === wanted.version) return;
    if (asked?.what !== wanted.what) {
      this.isBehind = asked !== null;
      this.abort?.abort();
      this.abort = null;
      this.began = Number.NEGATIVE_INFINITY;
    }
    this.pump();
  }

  close(): void {
    clearTimeout(this.timer);
    this.abort?.abort();
    this.wanted = null;
  }

  private pump(): void {
    clearTimeout(this.timer);
    const { wanted, asked } = this;
    if (this.abort !== null || wanted === null) return;
    if (asked?.what === wanted.what && asked.version === wanted.version) return;
    const wait = this.began + Math.max(this.refresh_ms, this.took * SHARE) - performance.now();
    if (wait > 0) this.timer = setTimeout(() => this.pump(), wait);
    else void this.ask(wanted);
  }

  private async ask(wanted: Wanted): Promise<void> {
    const abort = new AbortController();
    this.abort = abort;
    this.asked = wanted;
    this.began = performance.now();
    let isAnswered = false;
    try {
      const rows: Row[] = [];
      await run(wanted.question, (more) => rows.push(...more) < wanted.most, abort.signal);
      if (abort.signal.aborted) return;
      this.rows = rows;
      this.failure = null;
      isAnswered = true;
    } catch (cause) {
      const failure = failureFrom(cause);
      if (abort.signal.aborted || failure.kind === "cancelled") return;
      // While nobody answers, the page says so, and what was there stays.
      if (failure.kind !== "unreachable") this.failure = failure;
      this.timer = setTimeout(() => this.retry(), RETRY_MS);
    }
    this.took = performance.now() - this.began;
    this.isBehind = false;
    this.answers += 1;
    this.abort = null;
    if (isAnswered) this.pump();
  }

  private retry(): void {
    this.asked = null;
    this.pump();
  }
}
