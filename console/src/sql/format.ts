// A definition as a person would have written it: the node gives its canonical form, on one line.
//
// Only space between tokens and the case of keywords are changed, so that the text still means the same.

import { beginsClause, isSpoken, spoken } from "./declaring.ts";
import { type Token, tokens } from "./tokens.ts";
import { isKeyword, isType } from "./words.ts";

const WIDTH = 68;
const INDENT = "    ";

/** Words that begin a line of their own outside of parentheses. */
const CLAUSES = new Set(["select", "from", "where", "group", "having", "order", "limit", "emit", "with", "union"]);
const JOINS = new Set(["join", "inner", "left", "right", "full", "cross", "asof"]);
/** Keywords whose parenthesis follows without a space. */
const CALLED = new Set(["left", "right", "replace", "filter", "extract", "cumulate", "hop", "session", "tumble", "cast"]);

/** A token, or all that stands between two parentheses, these included. */
type Part = Token | Part[];

export function format(text: string): string {
  const found = tokens(text).filter((token) => token.kind !== "space");
  if (found.some((token) => token.kind === "comment")) return text;
  return lines(grouped(spoken(found)), "").join("\n");
}

function grouped(list: Token[]): Part[] {
  const stack: Part[][] = [[]];
  for (const token of list) {
    const top = stack.at(-1) as Part[];
    if (token.text === "(") {
      const group: Part[] = [token];
      top.push(group);
      stack.push(group);
    } else if (token.text === ")" && stack.length > 1) {
      top.push(token);
      stack.pop();
    } else {
      top.push(token);
    }
  }
  return stack[0] as Part[];
}

function word(part: Part | undefined): string {
  return part === undefined || Array.isArray(part) || part.kind !== "word" ? "" : part.text.toLowerCase();
}

function textOf(part: Part | undefined): string {
  return part === undefined || Array.isArray(part) ? "" : part.text;
}

function cased(token: Token): string {
  const isWord = token.kind === "word" && (isKeyword(token.text) || isType(token.text));
  return isWord ? token.text.toUpperCase() : token.text;
}

/** Everything on one line. */
function flat(parts: Part[]): string {
  let text = "";
  parts.forEach((part, index) => {
    const piece = Array.isArray(part) ? flat(part) : cased(part);
    text += (index > 0 && spaced(parts, index) ? " " : "") + piece;
  });
  return text;
}

function spaced(parts: Part[], index: number): boolean {
  const [before, part] = [parts[index - 1], parts[index]];
  if (Array.isArray(part)) return !isCall(parts, index);
  if (part === undefined || [",", ")", ";", ".", "::"].includes(part.text)) return false;
  return before === undefined || Array.isArray(before) || !["(", ".", "::", "$"].includes(before.text);
}

/** Whether the group at `index` holds a function's arguments or a type's parameters. */
function isCall(parts: Part[], index: number): boolean {
  const before = parts[index - 1];
  if (before === undefined || Array.isArray(before) || (before.kind !== "word" && before.kind !== "quoted")) return false;
  if (["stream", "view", "table", "sink", "into", "exists"].includes(word(parts[index - 2]))) return false;
  if (isSpoken(before.text)) return false;
  const name = word(before);
  return !isKeyword(name) || isType(name) || CALLED.has(name);
}

/** Clauses on lines of their own, long lists and groups broken at their commas. */
function lines(parts: Part[], indent: string): string[] {
  const clauses: Part[][] = [];
  parts.forEach((part, index) => {
    if (clauses.length === 0 || begins(parts, index)) clauses.push([]);
    clauses.at(-1)?.push(part);
  });
  return clauses.flatMap((clause) => clauseLines(clause, indent));
}

function begins(parts: Part[], index: number): boolean {
  const part = parts[index];
  if (part !== undefined && !Array.isArray(part) && beginsClause(part.text)) return true;
  const [name, before, after] = [word(parts[index]), word(parts[index - 1]), word(parts[index + 1])];
  if (JOINS.has(name)) return !JOINS.has(before) && before !== "outer" && !Array.isArray(parts[index + 1]);
  if (name === "partition") return after === "key";
  if (name === "as") return after === "select" || after === "with";
  if (name === "into") return word(parts[index - 2]) === "source";
  if (name === "from") return before !== "distinct" && before !== "exposures";
  return CLAUSES.has(name) && !(name === "select" && before === "as") && before !== "within";
}

function clauseLines(clause: Part[], indent: string): string[] {
  const whole = flat(clause);
  // Columns of a stream have lines of their own, however few they are.
  const isDeclared = word(clause[0]) === "create" && clause.some(Array.isArray);
  // A metric stays on its line.
  const isMetric = clause.length > 2 && ["proportion", "mean", "ratio"].includes(word(clause[1])) && isSpoken(textOf(clause[1]));
  if (isMetric || (!isDeclared && indent.length + whole.length <= WIDTH)) return [indent + whole];
  const violation = word(clause[0]) === "constraint" ? clause.findIndex((part) => word(part) === "on") : -1;
  if (violation > 0) {
    return [indent + flat(clause.slice(0, violation)), indent + INDENT + flat(clause.slice(violation))];
  }
  const group = clause.findLastIndex((part) => Array.isArray(part));
  const list = clause.findIndex((part) => word(part) === "select");
  if (list >= 0) {
    const items = split(clause.slice(list + 1));
    const head = indent + flat(clause.slice(0, list + 1));
    return [head, ...items.map((item, at) => indent + INDENT + flat(item) + (at < items.length - 1 ? "," : ""))];
  }
  if (group < 0) return [indent + whole];
  const inner = (clause[group] as Part[]).slice(1, -1);
  const space = group > 0 && spaced(clause, group) ? " " : "";
  const head = `${indent}${flat(clause.slice(0, group))}${space}(`;
  const rest = clause.slice(group + 1);
  const tail = `${indent})${rest.length > 0 && spaced(clause, group + 1) ? " " : ""}${flat(rest)}`;
  if (inner.some((part) => word(part) === "select")) return [head, ...lines(inner, indent + INDENT), tail];
  const items = split(inner);
  const body = items.flatMap((item, at) => {
    const itemLines = clauseLines(item, indent + INDENT);
    itemLines[itemLines.length - 1] += at < items.length - 1 ? "," : "";
    return itemLines;
  });
  return [head, ...body, tail];
}

function split(parts: Part[]): Part[][] {
  const items: Part[][] = [[]];
  for (const part of parts) {
    if (!Array.isArray(part) && part.text === ",") items.push([]);
    else items.at(-1)?.push(part);
  }
  return items;
}
