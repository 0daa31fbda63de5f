// `POST /v1/sql`: one statement, answered whole or row by row.

import { Failure, failureFrom, failureOf } from "./failure.ts";
import { parse, type Row } from "./value.ts";

/** What a statement that gave no rows came to. */
export interface Done {
  done: string;
  notices: string[];
}

/** How the console's own questions begin: among the node's queries they would hide everybody else's. */
export const OWN = "SELECT /* console */";

export function own(query: string): string {
  return query.replace(/^SELECT/i, OWN);
}

async function post(statement: string, format: string, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(`/v1/sql?format=${format}`, {
    method: "POST",
    headers: { "content-type": "text/plain; charset=utf-8" },
    body: statement,
    signal: signal ?? null,
  }).catch((cause: unknown) => {
    throw failureFrom(cause);
  });
  if (!response.ok) throw await failureOf(response);
  return response;
}

/** All rows of a short answer to a question of the console's own, numbers as doubles. */
export async function rows<T>(query: string, signal?: AbortSignal): Promise<T[]> {
  const response = await post(own(query), "json", signal);
  try {
    return (await response.json()) as T[];
  } catch (cause) {
    throw failureFrom(cause);
  }
}

/** Rows as they come, with every digit. `each` may return false to have no more of them. */
export async function run(
  statement: string,
  each: (rows: Row[]) => boolean,
  signal: AbortSignal,
): Promise<Done | null> {
  const response = await post(statement, "ndjson", signal);
  if (response.headers.get("content-type")?.startsWith("application/json")) {
    return (await response.json()) as Done;
  }
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let count = 0;
  const take = (text: string): boolean => {
    const lines = text.split("\n").filter((line) => line !== "");
    count += lines.length;
    return lines.length === 0 || each(parse(`[${lines.join(",")}]`) as Row[]);
  };
  try {
    for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
      rest += part.value;
      const end = rest.lastIndexOf("\n") + 1;
      if (end === 0) continue;
      if (!take(rest.slice(0, end))) {
        await reader?.cancel();
        return null;
      }
      rest = rest.slice(end);
    }
  } catch (cause) {
    const failure = failureFrom(cause);
    if (failure.kind === "cancelled") throw failure;
    const message = `the answer broke off after ${count} rows`;
    throw new Failure("broken off", message, "the node's log says why; run it again with a LIMIT to see some rows");
  }
  take(rest);
  return null;
}

/** The whole answer as CSV. */
export async function download(query: string, signal?: AbortSignal): Promise<Blob> {
  const response = await post(query, "csv", signal);
  return await response.blob().catch((cause: unknown) => {
    throw failureFrom(cause);
  });
}

/** A name as SQL writes it: quoted where it would fold or is no plain word. */
export function quoted(name: string): string {
  const [, schema, rest] = /^(system|history|exposures)\.(.+)$/s.exec(name) ?? [];
  const parts = schema !== undefined && rest !== undefined ? [schema, rest] : [name];
  return parts.map((part) => (/^[a-z_][a-z0-9_]*$/.test(part) ? part : `"${part.replaceAll('"', '""')}"`)).join(".");
}

/** A text as SQL writes it. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
