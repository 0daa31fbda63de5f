// Whether rows may have changed: one short question, asked often while a chart is in sight, and nothing else is asked
// until it says so.

import { rows } from "../api/sql.ts";
import { node } from "../node/node.svelte.ts";

const EVERY_MS = 100;
const HIDDEN_MS = 2000;
const FAILED_MS = 2000;
/** At most one part in so many of the time goes into asking. */
const SHARE = 3;

class Versions {
  /** None before the first answer. */
  private known = $state.raw<ReadonlyMap<string, string> | null>(null);
  private watchers = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** Keeps versions current until the returned function is called. */
  watch(): () => void {
    this.watchers += 1;
    if (this.watchers === 1) void this.ask();
    return () => {
      this.watchers -= 1;
      if (this.watchers > 0) return;
      clearTimeout(this.timer);
      this.known = null;
    };
  }

  /** A text that is another once one of these has other rows; none before anything is known. Of what has no versions,
   * such as files of others, it has a question mark. */
  of(relations: string[]): string | null {
    const { known } = this;
    return known === null ? null : relations.map((name) => known.get(name) ?? "?").join(" ");
  }

  private async ask(): Promise<void> {
    let delay = HIDDEN_MS;
    if (!document.hidden && node.reach !== "down" && node.reach !== "locked") {
      const began = performance.now();
      try {
        const all = await rows<{ relation: string; version: string }>("SELECT relation, version FROM system.versions");
        const next = new Map(all.map(({ relation, version }) => [relation, version]));
        if (this.watchers > 0 && !same(this.known, next)) this.known = next;
        delay = Math.max(EVERY_MS, (performance.now() - began) * SHARE);
      } catch {
        // A node that does not tell them: charts then ask by the clock.
        this.known ??= new Map();
        delay = FAILED_MS;
      }
    }
    clearTimeout(this.timer);
    if (this.watchers > 0) this.timer = setTimeout(() => void this.ask(), delay);
  }
}

function same(a: ReadonlyMap<string, string> | null, b: ReadonlyMap<string, string>): boolean {
  return a !== null && a.size === b.size && [...b].every(([name, version]) => a.get(name) === version);
}

export const versions = new Versions();
