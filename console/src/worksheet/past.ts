// Statements that were run before, and the text that is being written, in the browser's storage.

import { recall, remember } from "../shell/theme.svelte.ts";

export interface Past {
  text: string;
  at: number;
  took_ms: number;
  /** Rows given; null for a statement that gives none. */
  rows: number | null;
  error: string | null;
}

const KEY = "headwater.worksheet.past";
const DRAFT = "headwater.worksheet.draft";
const KEPT = 100;
const TEXT_MAX = 20_000;

export function past(): Past[] {
  try {
    const kept: unknown = JSON.parse(recall(KEY) ?? "[]");
    return Array.isArray(kept) ? (kept as Past[]).filter((each) => typeof each?.text === "string") : [];
  } catch {
    return [];
  }
}

/** Adds one in front; the same text is kept once, where it was run last. */
export function keep(one: Past): Past[] {
  const all = [one, ...past().filter((each) => each.text !== one.text)].slice(0, KEPT);
  if (one.text.length <= TEXT_MAX) remember(KEY, JSON.stringify(all));
  return all;
}

export function forget(): Past[] {
  remember(KEY, "[]");
  return [];
}

export function draft(): string | null {
  return recall(DRAFT);
}

export function keepDraft(text: string): void {
  if (text.length <= TEXT_MAX * 10) remember(DRAFT, text);
}
