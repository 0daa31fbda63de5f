// A statement that runs, or ran, and what it gave; or a stream that is followed.

import { type Failure, failureFrom } from "../api/failure.ts";
import { type Done, run } from "../api/sql.ts";
import { tail } from "../api/tail.ts";
import type { Row } from "../api/value.ts";
import type { Statement } from "../sql/tokens.ts";

/** More rows than a person reads; all of them are in the CSV. */
export const ROWS_MAX = 50_000;
const TAIL_ROWS_MAX = 2000;
/** Rows come faster than they can be drawn. */
const DRAW_MS = 100;

export class Run {
  state = $state<"none" | "running" | "tailing" | "done" | "failed">("none");
  statement = $state.raw<Statement | null>(null);
  /** The stream that is followed. */
  stream = $state<string | null>(null);
  isOpen = $state(false);
  rows = $state.raw<Row[]>([]);
  columns = $state.raw<string[]>([]);
  done = $state.raw<Done | null>(null);
  failure = $state.raw<Failure | null>(null);
  took_ms = $state(0);
  /** There are more rows than were taken. */
  isCut = $state(false);

  private stopper: (() => void) | null = null;

  async execute(statement: Statement, isAgain = false): Promise<boolean> {
    this.stop();
    const abort = new AbortController();
    this.stopper = () => abort.abort();
    const began = performance.now();
    if (!isAgain) this.clear();
    this.statement = statement;
    this.stream = null;
    this.state = "running";
    const found: Row[] = [];
    let drawn = began;
    let cut = false;
    const take = (rows: Row[]): boolean => {
      for (const row of rows) if (found.length < ROWS_MAX) found.push(row);
      cut = found.length >= ROWS_MAX;
      if (!isAgain && performance.now() - drawn > DRAW_MS) {
        this.show(found, cut);
        this.took_ms = performance.now() - began;
        drawn = performance.now();
      }
      return !cut;
    };
    try {
      const done = await run(statement.text, take, abort.signal);
      this.done = done;
      this.show(found, cut);
      this.failure = null;
      this.state = "done";
    } catch (cause) {
      // Another one runs by now: what became of this one is nobody's concern.
      if (this.statement !== statement) return false;
      this.failure = failureFrom(cause);
      this.show(found, cut);
      this.state = "failed";
      return false;
    } finally {
      if (this.statement === statement) this.took_ms = performance.now() - began;
    }
    return true;
  }

  /** Shows rows of a stream from now on, the newest first. */
  follow(stream: string): void {
    this.stop();
    this.clear();
    this.statement = null;
    this.stream = stream;
    this.state = "tailing";
    let waiting: Row[] = [];
    const timer = setInterval(() => {
      if (waiting.length === 0) return;
      this.show([...waiting.reverse(), ...this.rows].slice(0, TAIL_ROWS_MAX), false);
      waiting = [];
    }, DRAW_MS);
    const stopTail = tail(stream, {
      open: () => {
        this.isOpen = true;
        this.failure = null;
      },
      rows: (rows) => {
        waiting.push(...rows);
        if (waiting.length > TAIL_ROWS_MAX) waiting = waiting.slice(-TAIL_ROWS_MAX);
      },
      failed: (failure, isFinal) => {
        this.isOpen = false;
        this.failure = failure;
        if (isFinal) {
          clearInterval(timer);
          this.state = "failed";
        }
      },
    });
    this.stopper = () => {
      clearInterval(timer);
      stopTail();
    };
  }

  stop(): void {
    const stopper = this.stopper;
    this.stopper = null;
    stopper?.();
    if (this.state === "tailing") this.state = "done";
  }

  private clear(): void {
    this.rows = [];
    this.columns = [];
    this.done = null;
    this.failure = null;
    this.isCut = false;
    this.isOpen = false;
    this.took_ms = 0;
  }

  private show(rows: Row[], cut: boolean): void {
    this.rows = [...rows];
    this.isCut = cut;
    const [first] = rows;
    const names = Object.keys(first ?? {});
    // Where the row lies in the log comes last: what it says is what one looks for.
    const place = new Set(["_partition", "_offset", "_timestamp"]);
    this.columns = [...names.filter((name) => !place.has(name)), ...names.filter((name) => place.has(name))];
  }
}
