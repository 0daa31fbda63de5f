// Words that only CREATE MODEL, CREATE EXPERIMENT and CREATE FEATURE VIEW have: elsewhere they are names as any.

import type { Token } from "./tokens.ts";

/** Those that begin a clause of their own. */
const CLAUSES = {
  model: ["predict", "using", "retrain", "promote"],
  experiment: ["unit", "variants", "exposures", "metrics", "analyze"],
  feature: ["entity", "timestamp", "known", "ttl", "refresh"],
};
/** Those that follow them. */
const OTHERS = ["every", "cron", "manual", "continuous", "offset", "when", "from", "at", "time", "zone", "view"];
/** Of metrics and exposures, which stand in parentheses. */
const MEASURES = [
  ...["proportion", "mean", "ratio", "from", "timestamp", "where", "cuped", "capped", "at", "guardrail", "detect"],
  ...["lower", "higher", "is", "better", "unit", "variant"],
];

/** What follows one of these is a name, whatever it is. */
const NAMED = ["PREDICT", "UNIT", "TIMESTAMP", "VARIANT", "FROM", "MODEL", "EXPERIMENT", "VIEW"];
const NONE = new Set<string>();

const BEGIN = new Set(Object.values(CLAUSES).flatMap((words) => words.map((word) => word.toUpperCase())));
const SPOKEN = new Set([...BEGIN, ...Object.keys(CLAUSES).map((word) => word.toUpperCase()), ...MEASURES.map((word) => word.toUpperCase())]);

/** Whether it is one of these words, as `spoken` writes them. */
export function isSpoken(text: string): boolean {
  return SPOKEN.has(text);
}

/** Whether a clause begins with it. */
export function beginsClause(text: string): boolean {
  return BEGIN.has(text);
}

/** The tokens of a statement in canonical form, with its own words in capitals. */
export function spoken(list: Token[]): Token[] {
  const kind = kindOf(list);
  if (kind === null) return list;
  const outer = new Set([kind, ...CLAUSES[kind], ...OTHERS]);
  const inner = new Set(kind === "experiment" ? MEASURES : []);
  let depth = 0;
  let isOver = false;
  /** What stands before, as it was written anew. */
  let written = "";
  return list.flatMap((token, at) => {
    depth += token.text === "(" ? 1 : token.text === ")" ? -1 : 0;
    const [before, after] = [list[at - 1]?.text ?? "", list[at + 1]?.text ?? ""];
    // Behind AS there is a query.
    isOver ||= depth === 0 && token.text === "as";
    if (isOver) return [token];
    // A margin: `5 %`.
    if (token.text === "%" && isMargin(list, at - 1)) return [];
    if (token.kind === "number" && after === "%" && isMargin(list, at)) return [{ ...token, text: `${token.text}%` }];
    // So is the first word of a metric.
    const isName = NAMED.includes(written) || ((before === "(" || before === ",") && token.text !== "variant");
    const isWord = token.kind === "word" && !isName && (depth === 0 ? outer : depth === 1 ? inner : NONE).has(token.text);
    written = isWord ? token.text.toUpperCase() : token.text;
    return [{ ...token, text: written }];
  });
}

function isMargin(list: Token[], at: number): boolean {
  return ["guardrail", "detect"].includes(list[at - 1]?.text ?? "");
}

function kindOf(list: Token[]): keyof typeof CLAUSES | null {
  if (list[0]?.text !== "create") return null;
  const at = list[1]?.text === "or" ? 3 : 1;
  const word = list[at]?.text;
  return word === "model" || word === "experiment" || word === "feature" ? word : null;
}
