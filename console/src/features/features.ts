// Feature views, as their pages show them.

import { literal, quoted } from "../api/sql.ts";
import type { Column, FeatureView } from "../node/system.ts";
import { after, is, plain, within, words } from "../sql/clause.ts";

/** What a view's statement says of it. */
export interface Declared {
  entity: string[];
  timestamp: string | null;
}

export function declared(definition: string): Declared {
  const all = words(definition);
  const names = within(all, all.findIndex((word) => is(word, "entity"))).filter(({ text }) => text !== ",");
  return { entity: names.map(plain), timestamp: after(all, "timestamp") };
}

const NUMBERS = /^(TINYINT|SMALLINT|INT|INTEGER|BIGINT|FLOAT|REAL|DOUBLE|DECIMAL|NUMERIC)/i;

export function isNumber({ type }: Column): boolean {
  return NUMBERS.test(type);
}

/** An entity as JSON, each value by its column's type and with every digit that was written. */
export function entityText(columns: Column[], values: Record<string, string>): string {
  const members = columns.map((column) => {
    const text = (values[column.name] ?? "").trim();
    const isBare = isNumber(column) ? /^-?\d+(\.\d+)?$/.test(text) : column.type === "BOOLEAN" && /^(true|false)$/.test(text);
    return `${JSON.stringify(column.name)}:${isBare ? text : JSON.stringify(text)}`;
  });
  return `{${members.join(",")}}`;
}

/** The condition that rows are of an entity. */
export function condition(columns: Column[], values: Record<string, string>): string {
  const each = columns.map((column) => {
    const text = (values[column.name] ?? "").trim();
    return `${quoted(column.name)} = ${isNumber(column) && /^-?\d+(\.\d+)?$/.test(text) ? text : literal(text)}`;
  });
  return each.join(" AND ");
}

/** How a view's differences are told: nothing was compared, none, some. */
export function differing({ compared, different, error }: FeatureView): { text: string; tone: "" | "good" | "bad" | "warn" } {
  if (error !== null) return { text: "not compared", tone: "warn" };
  if ((compared ?? 0) === 0) return { text: "not compared yet", tone: "" };
  return (different ?? 0) === 0 ? { text: "none", tone: "good" } : { text: "some differ", tone: "bad" };
}
