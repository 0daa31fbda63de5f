// What an experiment's statement says beyond what `system.experiments` tells.

import { after, is, parts, plain, textOf, within, words } from "../sql/clause.ts";
import type { Token } from "../sql/tokens.ts";

export interface Metric {
  name: string;
  /** As SQL has it: `MEAN (amount) FROM orders`. */
  measured: string;
  /** How much worse it may get: `2%`, `0.02`; null where it is no guardrail. */
  guardrail: string | null;
  /** The effect that one would want to find. */
  detect: string | null;
  /** For how long before its exposure a unit's rows count. */
  cuped: string | null;
  isLowerBetter: boolean;
}

export interface Declared {
  metrics: Metric[];
  /** Who was shown what, where others say so. */
  exposures: { variant: string; time: string | null } | null;
  /** `any`: verdicts go by intervals that hold at all looks together. */
  looks: "any" | "once";
  confidence: number;
  power: number;
  sampleRatioThreshold: number;
}

export function declared(definition: string): Declared {
  const all = words(definition);
  const exposures = all.findIndex((word, at) => is(word, "exposures") && is(all[at + 1], "from"));
  const elsewhere = within(all, exposures);
  const variant = after(elsewhere, "variant");
  const options = within(all, all.findLastIndex((word) => is(word, "with")));
  return {
    metrics: parts(within(all, all.findIndex((word) => is(word, "metrics")))).map((part) => metric(part, definition)),
    exposures: variant === null ? null : { variant, time: after(elsewhere, "timestamp") },
    looks: option(options, "looks") === "once" ? "once" : "any",
    confidence: Number(option(options, "confidence") ?? 0.95),
    power: Number(option(options, "power") ?? 0.8),
    sampleRatioThreshold: Number(option(options, "sample_ratio_threshold") ?? 0.001),
  };
}

/** Words that say how a metric is judged, behind what is measured. */
const JUDGED = ["cuped", "capped", "guardrail", "detect", "lower", "higher"];

function metric(all: Token[], definition: string): Metric {
  // What is measured may hold the same words as what is said of it.
  const from = 2 + within(all, 1).length + 2;
  const clause = all.findIndex((word, at) => at >= from && JUDGED.some((each) => is(word, each)));
  const said = clause < 0 ? [] : all.slice(clause);
  return {
    name: plain(all[0]),
    measured: textOf(all.slice(1, clause < 0 ? undefined : clause), definition),
    guardrail: margin(said, "guardrail"),
    detect: margin(said, "detect"),
    cuped: after(said, "cuped"),
    isLowerBetter: said.some((word, at) => is(word, "lower") && is(said[at + 1], "is")),
  };
}

/** `0` where a margin is left out. */
function margin(all: Token[], word: string): string | null {
  const at = all.findIndex((each) => is(each, word));
  if (at < 0) return null;
  const number = all[at + 1];
  if (number?.kind !== "number") return "0";
  return all[at + 2]?.text === "%" ? `${number.text}%` : number.text;
}

/** A margin as a share of the control's mean. */
export function marginShare(margin: string | null, control: number | null): number | null {
  if (margin === null) return null;
  if (margin.endsWith("%")) return Number(margin.slice(0, -1)) / 100;
  if (Number(margin) === 0) return 0;
  return control === null || control === 0 ? null : Number(margin) / Math.abs(control);
}

function option(all: Token[], name: string): string | null {
  const at = all.findIndex((each, index) => plain(each) === name && all[index + 1]?.text === "=");
  return at < 0 ? null : plain(all[at + 2]);
}
