// Text of SQL → tokens and statements, just well enough to colour it and to find where a statement ends.

export type TokenKind = "word" | "quoted" | "string" | "number" | "comment" | "symbol" | "space";

export interface Token {
  kind: TokenKind;
  text: string;
  start: number;
}

const PATTERN = new RegExp(
  [
    /(?<space>\s+)/,
    /(?<comment>--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))/,
    /(?<string>[eE]?'(?:[^']|'')*(?:'|$)|\$(?<tag>\w*)\$[\s\S]*?(?:\$\k<tag>\$|$))/,
    /(?<quoted>"(?:[^"]|"")*(?:"|$))/,
    /(?<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/,
    /(?<word>[\p{L}_][\p{L}\p{N}_$]*)/u,
    /(?<symbol><=|>=|<>|!=|\|\||::|=>|->>?|[\s\S])/,
  ]
    .map((part) => part.source)
    .join("|"),
  "gu",
);

const KINDS: TokenKind[] = ["space", "comment", "string", "quoted", "number", "word", "symbol"];

export function tokens(text: string): Token[] {
  return Array.from(text.matchAll(PATTERN), (match) => ({
    kind: KINDS.find((kind) => match.groups?.[kind] !== undefined) ?? "symbol",
    text: match[0],
    start: match.index,
  }));
}

/** A statement without the space and comments around it; `end` is exclusive and before the semicolon. */
export interface Statement {
  text: string;
  start: number;
  end: number;
}

export function statements(text: string): Statement[] {
  const found: Statement[] = [];
  let start = -1;
  let end = -1;
  const close = (): void => {
    if (start >= 0) found.push({ text: text.slice(start, end), start, end });
    start = -1;
  };
  for (const token of tokens(text)) {
    if (token.kind === "space" || token.kind === "comment") continue;
    if (token.text === ";") {
      close();
      continue;
    }
    if (start < 0) start = token.start;
    end = token.start + token.text.length;
  }
  close();
  return found;
}

/** The statement that a place lies in, else the one before it, else the first. */
export function statementAt(text: string, place: number): Statement | undefined {
  const all = statements(text);
  const before = all.filter((statement) => statement.start <= place);
  const last = before.at(-1);
  if (last === undefined) return all[0];
  return last;
}

/** Where a byte of a text's UTF-8 lies in the text. */
export function indexOfByte(text: string, byte: number): number {
  let bytes = 0;
  let index = 0;
  for (const character of text) {
    if (bytes >= byte) break;
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    index += character.length;
  }
  return index;
}
