// Parts of a statement in canonical form: what stands behind a word, and between parentheses.

import { type Token, tokens } from "./tokens.ts";

/** All but space and comments. */
export function words(text: string): Token[] {
  return tokens(text).filter(({ kind }) => kind !== "space" && kind !== "comment");
}

export function is(token: Token | undefined, word: string): boolean {
  return token?.kind === "word" && token.text.toLowerCase() === word;
}

/** A name or a text as it is meant. */
export function plain(token: Token | undefined): string {
  if (token === undefined) return "";
  if (token.kind === "quoted") return token.text.slice(1, -1).replaceAll('""', '"');
  return token.kind === "string" ? token.text.slice(1, -1).replaceAll("''", "'") : token.text.toLowerCase();
}

/** The name, text or number behind a word that stands in no parentheses. */
export function after(all: Token[], word: string): string | null {
  const at = outside(all).find((index) => is(all[index], word));
  const next = at === undefined ? undefined : all[at + 1];
  return next === undefined ? null : plain(next);
}

/** The places of tokens that stand in no parentheses. */
function outside(all: Token[]): number[] {
  let depth = 0;
  return all.flatMap(({ text }, at) => {
    if (text === ")") depth -= 1;
    const found = depth === 0 ? [at] : [];
    if (text === "(") depth += 1;
    return found;
  });
}

/** What stands between the first parenthesis from a place on and the one that closes it. */
export function within(all: Token[], from: number): Token[] {
  const open = from < 0 ? -1 : all.findIndex(({ text }, at) => at >= from && text === "(");
  if (open < 0) return [];
  let depth = 0;
  const close = all.findIndex(({ text }, at) => {
    if (at < open) return false;
    depth += text === "(" ? 1 : text === ")" ? -1 : 0;
    return depth === 0;
  });
  return all.slice(open + 1, close < 0 ? undefined : close);
}

/** Parts between commas that stand in no parentheses of their own. */
export function parts(all: Token[]): Token[][] {
  const found: Token[][] = [[]];
  let depth = 0;
  for (const token of all) {
    depth += token.text === "(" ? 1 : token.text === ")" ? -1 : 0;
    if (depth === 0 && token.text === ",") found.push([]);
    else found.at(-1)?.push(token);
  }
  return found.filter((part) => part.length > 0);
}

/** The text of tokens that follow each other, as it stands in the statement. */
export function textOf(all: Token[], text: string): string {
  const [first, last] = [all[0], all.at(-1)];
  return first === undefined || last === undefined ? "" : text.slice(first.start, last.start + last.text.length);
}
