// Values of rows as the node writes them, with every digit that it wrote.

/** A number that a double would not write down alike: a long integer, a decimal with its zeros. */
export class Exact {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }

  toJSON(): string {
    return this.text;
  }

  valueOf(): number {
    return Number(this.text);
  }
}

export type Value = null | boolean | number | string | Exact | Value[] | { [key: string]: Value };
export type Row = Record<string, Value>;

/** JSON's text of one value or more. Browsers without source texts of numbers round them, as any page does. */
export function parse(text: string): unknown {
  return JSON.parse(text, function (this: unknown, _key: string, value: unknown, context?: { source?: string }) {
    if (typeof value !== "number" || context?.source === undefined) return value;
    return String(value) === context.source ? value : new Exact(context.source);
  } as (key: string, value: unknown) => unknown);
}

/** As a number, where it is one. */
export function numeric(value: Value | undefined): number | null {
  if (typeof value === "number") return value;
  return value instanceof Exact ? value.valueOf() : null;
}

const TIMESTAMP = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/;

/** As milliseconds since 1970, where it is a date or timestamp. One without a zone is in UTC, as the node's are. */
export function time(value: Value | undefined): number | null {
  if (typeof value !== "string" || !TIMESTAMP.test(value)) return null;
  const zoned = /(Z|[+-]\d\d:?\d\d)$/.test(value) || value.length <= 10 ? value : `${value}Z`;
  const at = Date.parse(zoned.replace(" ", "T"));
  return Number.isNaN(at) ? null : at;
}

/** As a cell shows it. */
export function shown(value: Value | undefined): string {
  if (value === null || value === undefined) return "NULL";
  if (typeof value === "string") return time(value) === null ? value : value.replace("T", " ").replace(/Z$/, "");
  if (typeof value === "object" && !(value instanceof Exact)) return JSON.stringify(value);
  return String(value);
}

/** Rows as CSV (RFC 4180), with a header. */
export function csv(columns: string[], rows: Row[]): string {
  const field = (value: Value | undefined): string => {
    if (value === null || value === undefined) return "";
    const text = typeof value === "string" ? value : shown(value);
    return /[",\r\n]/.test(text) || text === "" ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = rows.map((row) => columns.map((column) => field(row[column])).join(","));
  return [columns.map(field).join(","), ...lines, ""].join("\r\n");
}
