// What the editor offers while one types: relations and columns of the node, then the words of the language.

import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";

import { quoted } from "../api/sql.ts";
import type { Column, Relation } from "../node/system.ts";
import { statementAt, type Token, tokens } from "../sql/tokens.ts";
import { FUNCTIONS, KEYWORDS, TYPES } from "../sql/words.ts";

export interface Catalog {
  relations: Relation[];
  columns: Column[];
}

/** The relations that a node always has. */
const SYSTEM = `streams partitions views operators checkpoints rules dead_letters relations columns lineage changes replays`
  .split(" ")
  .map((name) => `system.${name}`);

const WORDS: Completion[] = [
  ...KEYWORDS.map((word) => ({ label: word.toUpperCase(), type: "keyword", boost: -2 })),
  ...TYPES.map((word) => ({ label: word.toUpperCase(), type: "type", boost: -3 })),
  ...FUNCTIONS.map(([name, parameters, about]) => ({
    label: name,
    type: "function",
    detail: `(${parameters})`,
    info: about === "" ? undefined : about,
    apply: parameters === "" ? `${name}()` : `${name}(`,
    boost: -1,
  })),
];

/** After these, a relation is what comes. */
const BEFORE_RELATION = new Set(["from", "join", "into", "describe", "of", "table", "tumble", "hop", "view", "stream"]);

export function complete(catalog: () => Catalog, context: CompletionContext): CompletionResult | null {
  const word = context.matchBefore(/[\p{L}_][\p{L}\p{N}_.]*/u) ?? context.matchBefore(/[\p{L}\p{N}_]+\./u);
  if (word === null && !context.explicit) return null;
  const text = context.state.doc.toString();
  const place = word?.from ?? context.pos;
  const statement = statementAt(text, place);
  const all = tokens(statement?.text ?? "").filter((token) => token.kind !== "space" && token.kind !== "comment");
  const at = place - (statement?.start ?? 0);
  if (all.some((token) => token.kind === "string" && token.start < at && at < token.start + token.text.length)) return null;
  const typed = word?.text ?? "";
  const dot = typed.lastIndexOf(".");
  const { relations, columns } = catalog();
  if (dot >= 0 && !"system.".startsWith(typed.slice(0, dot + 1).toLowerCase())) {
    const relation = resolve(typed.slice(0, dot), all, relations);
    if (relation === null) return null;
    return { from: place + dot + 1, options: columnsOf([relation], columns), validFor: /^[\p{L}\p{N}_]*$/u };
  }
  const before = all.filter((token) => token.start < at);
  const last = before.at(-1)?.text === "(" ? before.at(-2) : before.at(-1);
  const names: Completion[] = [
    ...relations
      .filter(({ kind }) => !["source", "sink", "connection", "chart", "dashboard"].includes(kind))
      .map(({ name, kind }) => ({ label: quoted(name), type: "class", detail: kind, boost: 1 })),
    ...SYSTEM.map((name) => ({ label: name, type: "class", detail: "system", boost: -1 })),
  ];
  const wantsRelation = last !== undefined && BEFORE_RELATION.has(last.text.toLowerCase());
  const used = mentioned(all, relations);
  const options = wantsRelation ? names : [...columnsOf(used, columns), ...names, ...WORDS];
  return { from: place, options, validFor: /^[\p{L}\p{N}_.]*$/u };
}

function columnsOf(names: string[], columns: Column[]): Completion[] {
  const seen = new Set<string>();
  return columns
    .filter(({ relation, name }) => names.includes(relation) && !seen.has(name) && seen.add(name))
    .map(({ relation, name, type }) => ({
      label: quoted(name),
      type: "property",
      detail: names.length > 1 ? `${type}, ${relation}` : type,
      boost: 3,
    }));
}

function mentioned(all: Token[], relations: Relation[]): string[] {
  const names = new Set(relations.map(({ name }) => name));
  const found = all.map((token) => unquoted(token)).filter((name) => names.has(name));
  return [...new Set(found)];
}

/** The relation that a qualifier stands for: its name, or the alias after it. */
function resolve(qualifier: string, all: Token[], relations: Relation[]): string | null {
  const names = new Set(relations.map(({ name }) => name));
  const wanted = qualifier.toLowerCase();
  if (names.has(qualifier)) return qualifier;
  for (let index = 0; index < all.length; index += 1) {
    const token = all[index] as Token;
    const name = unquoted(token);
    if (!names.has(name)) continue;
    const next = all[index + 1]?.text.toLowerCase();
    const alias = next === "as" ? all[index + 2]?.text.toLowerCase() : next;
    if (alias === wanted) return name;
  }
  return names.has(wanted) ? wanted : null;
}

function unquoted(token: Token): string {
  return token.kind === "quoted" ? token.text.slice(1, -1).replaceAll('""', '"') : token.text.toLowerCase();
}
