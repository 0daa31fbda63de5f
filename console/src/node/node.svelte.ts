// The node as this page knows it: one loop asks for everything that any part of the page shows.
//
// Parts of the page read from here and ask nothing of their own that repeats, except the rows of a relation.

import { type Failure, failureFrom } from "../api/failure.ts";
import { rows } from "../api/sql.ts";
import { History } from "./history.ts";
import { EARLY, EMPTY, ON_DEMAND, SECTIONS, type SectionName, type Sections, viewOf } from "./system.ts";
import { watermarks } from "./watermark.ts";

const TICK_MS = 1000;
const HIDDEN_MS = 15_000;
const RETRY_MS_MAX = 10_000;
const UNAUTHORIZED = 401;

/** What a node did not have is asked for again after so long: it may have been replaced by a newer one. */
const MISSING_MS = 60_000;

/** A node that answers slowly is asked less often: at most this share of the time goes into asking. */
const SHARE = 5;

class NodeState {
  /** `locked`: it answers, and asks for a user and a password that the browser has not sent. */
  reach = $state<"connecting" | "up" | "down" | "locked">("connecting");
  failure = $state.raw<Failure | null>(null);
  /** When it answered last, in milliseconds of our clock. */
  seen_at = $state(0);
  /** When it is asked again, while it is down. */
  retry_at = $state(0);
  /** Counts what was read, for what is kept outside of Svelte's sight. */
  tick = $state(0);
  data = $state.raw<Sections>(EMPTY);
  /** Sections that were answered: what is empty before that is not known. */
  known = $state.raw<ReadonlySet<SectionName>>(new Set());
  missing = $state.raw<ReadonlySet<SectionName>>(new Set());
  failed = $state.raw<ReadonlyMap<SectionName, Failure>>(new Map());
  readonly history = new History();

  /** How far the node's clock is ahead of ours. */
  private ahead_ms = 0;
  private readonly asked_at = new Map<SectionName, number>();
  private readonly wanted = new Map<SectionName, number>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running = false;
  private failures = 0;
  /** Until the page has these, it is asked for nothing else. */
  private before: ReadonlySet<SectionName> | null = null;

  start(before: ReadonlySet<SectionName> | null = null): void {
    this.before = before;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.now();
    });
    window.addEventListener("online", () => this.now());
    void this.loop();
  }

  /** Asks at once, for all that may have changed. */
  now(): void {
    this.asked_at.clear();
    if (this.running) return;
    clearTimeout(this.timer);
    void this.loop();
  }

  /** Keeps a section read that is not read always, until the returned function is called. */
  want(section: SectionName): () => void {
    this.wanted.set(section, (this.wanted.get(section) ?? 0) + 1);
    // A page that opens does not wait for the round that is on its way; what fails is told by the next one.
    if (!this.known.has(section)) void this.first(section).catch(() => {});
    this.now();
    return () => this.wanted.set(section, (this.wanted.get(section) ?? 1) - 1);
  }

  /** The node's clock, in milliseconds since 1970. */
  clock(): number {
    return Date.now() + this.ahead_ms;
  }

  private async loop(): Promise<void> {
    this.running = true;
    const began = performance.now();
    await this.ask();
    const took = performance.now() - began;
    this.running = false;
    let delay = Math.max(TICK_MS - took, took * SHARE);
    if (this.reach === "down" || this.reach === "locked") {
      delay = Math.min(TICK_MS * 2 ** (this.failures - 1), RETRY_MS_MAX);
    } else if (document.hidden) {
      delay = HIDDEN_MS;
    }
    this.retry_at = Date.now() + delay;
    this.timer = setTimeout(() => void this.loop(), delay);
  }

  private due(): SectionName[] {
    const now = Date.now();
    const names = Object.keys(SECTIONS) as SectionName[];
    const { before } = this;
    if (this.tick === 0 && before !== null) return names.filter((name) => before.has(name));
    return names.filter((name) => {
      if (ON_DEMAND.has(name) && (this.wanted.get(name) ?? 0) <= 0) return false;
      const every = this.missing.has(name) ? MISSING_MS : SECTIONS[name].every_ms;
      // A little early is better than a whole tick late.
      return now - (this.asked_at.get(name) ?? 0) >= every - TICK_MS / 4;
    });
  }

  private async ask(): Promise<void> {
    const due = this.due();
    // While nothing is told, one question is enough to find out.
    const names = this.reach === "down" || this.reach === "locked" ? due.slice(0, 1) : due;
    const answers = await Promise.allSettled(
      names.map(async (name) => {
        const answer = await rows(SECTIONS[name].query);
        // What asks more as soon as it knows what does not wait for all the others.
        if (this.tick === 0 && EARLY.has(name)) this.show(name, answer);
        return answer;
      }),
    );
    const next: Sections = { ...this.data };
    const known = new Set(this.known);
    const missing = new Set(this.missing);
    const failed = new Map(this.failed);
    let answered = 0;
    let isLocked = false;
    answers.forEach((answer, index) => {
      const name = names[index] as SectionName;
      if (answer.status === "fulfilled") {
        answered += 1;
        known.add(name);
        missing.delete(name);
        failed.delete(name);
        (next as unknown as Record<string, unknown>)[name] = keep(this.data[name], answer.value);
        this.asked_at.set(name, Date.now());
        return;
      }
      const failure = failureFrom(answer.reason);
      isLocked ||= failure.status === UNAUTHORIZED;
      if (failure.kind === "unreachable" || failure.status === 0 || isLocked) {
        this.failure = failure;
        return;
      }
      answered += 1;
      this.asked_at.set(name, Date.now());
      if (failure.isMissing) missing.add(name);
      else failed.set(name, failure);
    });
    if (answered === 0 && names.length > 0) {
      this.failures += 1;
      this.reach = isLocked ? "locked" : "down";
      return;
    }
    const wasDown = this.reach !== "up";
    this.failures = 0;
    this.failure = null;
    this.reach = "up";
    this.seen_at = Date.now();
    if (known.size > this.known.size) this.known = known;
    this.missing = missing;
    this.failed = failed;
    this.data = next;
    if (names.includes("streams")) this.record();
    this.tick += 1;
    if (wasDown) this.asked_at.clear();
  }

  private async first(name: SectionName): Promise<void> {
    const answer = await rows(SECTIONS[name].query);
    if (!this.known.has(name)) this.show(name, answer);
  }

  private show(name: SectionName, answer: unknown[]): void {
    this.data = { ...this.data, [name]: answer };
    this.known = new Set([...this.known, name]);
  }

  private record(): void {
    const { streams, operators, checkpoints, partitions, lineage, views } = this.data;
    const [checkpoint] = checkpoints;
    if (checkpoint !== undefined) {
      this.ahead_ms = Date.parse(checkpoint.taken_at) + checkpoint.age_ms - Date.now();
    }
    const at = this.clock();
    const marks = watermarks(partitions, lineage);
    const behind = (name: string): number | null => {
      const mark = marks.get(name);
      return mark === undefined ? null : at - mark;
    };
    for (const stream of streams) {
      this.history.push(stream.name, at, stream.rows_since_start, stream.lag, behind(stream.name));
      if (stream.backpressure_ms != null) {
        this.history.push(`${stream.name}/pressure`, at, stream.backpressure_ms, null, null);
      }
    }
    const streamed = new Set(streams.map((stream) => stream.name));
    const counted = new Set<string>();
    for (const operator of operators) {
      const view = viewOf(operator);
      if (counted.has(view)) continue;
      counted.add(view);
      this.history.push(`${view}/in`, at, operator.rows_since_start, null, null);
    }
    for (const view of views) {
      if (streamed.has(view.name)) continue;
      const rows = this.history.last(`${view.name}/in`)?.rows;
      if (rows !== undefined) this.history.push(view.name, at, rows, null, behind(view.name));
    }
  }
}

/** The old value if the new one says the same: what shows it then stays as it is. */
function keep(old: unknown, fresh: unknown): unknown {
  return JSON.stringify(old) === JSON.stringify(fresh) ? old : fresh;
}

export const node = new NodeState();
