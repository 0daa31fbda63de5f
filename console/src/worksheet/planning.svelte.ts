// A statement's plan: asked for, shown, applied, and followed until all history is replayed.

import { type Failure, failureFrom } from "../api/failure.ts";
import { plan, type Planned, sameMeaning } from "../api/plan.ts";
import { node } from "../node/node.svelte.ts";
import type { Replay } from "../node/system.ts";
import type { Statement } from "../sql/tokens.ts";

export class Planning {
  state = $state<"none" | "asking" | "shown" | "failed" | "applying" | "applied">("none");
  statement = $state.raw<Statement | null>(null);
  planned = $state.raw<Planned | null>(null);
  failure = $state.raw<Failure | null>(null);
  /** What is shown differs from what was shown before, and was to be applied. */
  hasChanged = $state(false);

  /** Replays that there were before it was applied. */
  private before: ReadonlySet<string> = new Set();
  private asker: AbortController | null = null;

  /** The last replay of each view whose history is replayed for it. */
  replays: Replay[] = $derived.by(() => {
    if (this.state !== "applied") return [];
    const newest = new Map<string, Replay>();
    for (const replay of node.data.replays) {
      const isOurs = this.replayed.includes(replay.view) && !this.before.has(keyOf(replay));
      if (isOurs && (newest.get(replay.view)?.started_at ?? "") <= replay.started_at) newest.set(replay.view, replay);
    }
    return [...newest.values()];
  });

  /** Views whose history is to be replayed. */
  get replayed(): string[] {
    return (this.planned?.steps ?? []).filter((step) => step.rows === "replayed").map((step) => step.name);
  }

  /** Asks what a statement would do; false where it has no plan. */
  async ask(statement: Statement): Promise<boolean> {
    this.close();
    this.statement = statement;
    this.state = "asking";
    const planned = await this.read(statement);
    if (planned === null) return false;
    this.planned = planned;
    this.state = "shown";
    return true;
  }

  /** Looks once more before it is applied; false where something else would be done than is shown. */
  async confirm(): Promise<boolean> {
    const { statement, planned: shown } = this;
    if (statement === null || shown === null) return false;
    this.state = "applying";
    const planned = await this.read(statement);
    if (planned === null) return false;
    this.planned = planned;
    this.hasChanged = !sameMeaning(shown, planned);
    if (this.hasChanged) this.state = "shown";
    this.before = new Set(node.data.replays.map(keyOf));
    return !this.hasChanged;
  }

  applied(): void {
    this.state = "applied";
  }

  /** Forgets it. What was begun to be applied goes on. */
  close(): void {
    this.asker?.abort();
    this.state = "none";
    this.statement = null;
    this.planned = null;
    this.failure = null;
    this.hasChanged = false;
  }

  private async read(statement: Statement): Promise<Planned | null> {
    const asker = new AbortController();
    this.asker = asker;
    try {
      const planned = await plan(statement.text, asker.signal);
      return this.asker === asker && !asker.signal.aborted ? planned : null;
    } catch (cause) {
      if (this.asker !== asker || asker.signal.aborted) return null;
      this.failure = failureFrom(cause);
      this.state = "failed";
      return null;
    }
  }
}

function keyOf(replay: Replay): string {
  return `${replay.view} ${replay.started_at}`;
}
