// The checkpoints that this page saw: the node tells the last one only.

import { node } from "../node/node.svelte.ts";
import type { Checkpoint } from "../node/system.ts";

const KEPT = 600;

class Seen {
  private readonly list: Checkpoint[] = [];

  /** In the order of their numbers. */
  all(): readonly Checkpoint[] {
    const [last] = node.data.checkpoints;
    const known = this.list.at(-1);
    if (last !== undefined && last.duration_ms !== null && last.number !== known?.number) {
      if (known !== undefined && last.number < known.number) this.list.length = 0;
      this.list.push(last);
      if (this.list.length > KEPT) this.list.shift();
    }
    return this.list;
  }
}

export const seen = new Seen();
