// Rows of a stream, from its end and as they are appended: `GET /v1/streams/{name}`, as a page and as server-sent events.
//
// Read with `fetch` rather than `EventSource`, which hides the status: a node that does not serve them is told apart
// from one that is gone.

import { type Failure, failureFrom, failureOf } from "./failure.ts";
import { parse, type Row } from "./value.ts";

export interface Listener {
  /** Rows that came together, in their order. */
  rows(rows: Row[]): void;
  /** Connected, and waiting for rows. */
  open(): void;
  /** The connection is lost; it is tried again, unless the node refuses. */
  failed(failure: Failure, isFinal: boolean): void;
}

const RETRY_MS = 1000;
const RETRY_MS_MAX = 10_000;

/** A page that nobody has looked at for so long gives its connection back: browsers have six for a node. */
const HIDDEN_MS = 30_000;

/** A stream's newest rows, the newest first, and the place after them. */
export async function newest(stream: string, count: number, signal: AbortSignal): Promise<{ rows: Row[]; next: string }> {
  // So many of each partition, and the newest of those.
  const response = await fetch(`${path(stream)}?from=-${count}&limit=10000`, { signal }).catch((cause: unknown) => {
    throw failureFrom(cause);
  });
  if (!response.ok) throw await failureOf(response);
  const page = parse(await response.text()) as { rows: Row[]; next: string };
  const at = (row: Row): string => String(row._timestamp);
  const rows = page.rows.reverse().sort((a, b) => (at(a) < at(b) ? 1 : at(a) > at(b) ? -1 : 0));
  return { rows: rows.slice(0, count), next: page.next };
}

/** Follows a stream, from its end unless a place is given, until the returned function is called. */
export function tail(stream: string, listener: Listener, from = "latest"): () => void {
  const stop = new AbortController();
  void follow(stream, listener, from, stop.signal);
  return () => stop.abort();
}

function path(stream: string): string {
  return `/v1/streams/${encodeURIComponent(stream)}`;
}

async function follow(stream: string, listener: Listener, start: string, signal: AbortSignal): Promise<void> {
  let cursor = "";
  let delay = RETRY_MS;
  while (!signal.aborted) {
    await visible();
    const hidden = whenHidden();
    const either = AbortSignal.any([signal, hidden.signal]);
    try {
      const headers: Record<string, string> = { accept: "text/event-stream" };
      if (cursor !== "") headers["last-event-id"] = cursor;
      const from = cursor === "" ? `?from=${encodeURIComponent(start)}` : "";
      const response = await fetch(`${path(stream)}${from}`, { headers, signal: either });
      if (!response.ok) {
        const failure = await failureOf(response);
        const isFinal = response.status < 500 && response.status !== 429 || response.status === 501;
        listener.failed(failure, isFinal);
        if (isFinal) return;
      } else {
        listener.open();
        delay = RETRY_MS;
        await read(response, (rows, id) => {
          cursor = id ?? cursor;
          listener.rows(rows);
        });
      }
    } catch (cause) {
      if (signal.aborted) return;
      if (!either.aborted) listener.failed(failureFrom(cause), false);
    } finally {
      hidden.close();
    }
    await new Promise((wake) => setTimeout(wake, delay));
    delay = Math.min(delay * 2, RETRY_MS_MAX);
  }
}

/** Resolves while somebody looks at the page. */
function visible(): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((wake) => document.addEventListener("visibilitychange", () => wake(), { once: true }));
}

function whenHidden(): { signal: AbortSignal; close: () => void } {
  const stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = (): void => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => stop.abort(), HIDDEN_MS);
  };
  document.addEventListener("visibilitychange", look);
  const close = (): void => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", look);
  };
  return { signal: stop.signal, close };
}

/** Reads events until the body ends. Rows of events that came in one piece are given together. */
async function read(response: Response, take: (rows: Row[], id: string | null) => void): Promise<void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    const events = (rest + part.value).replaceAll("\r\n", "\n").split("\n\n");
    rest = events.pop() ?? "";
    const rows: Row[] = [];
    let id: string | null = null;
    for (const event of events) {
      let data = "";
      for (const line of event.split("\n")) {
        if (line.startsWith("data:")) data += line.slice(5).trimStart();
        else if (line.startsWith("id:")) id = line.slice(3).trim();
      }
      if (data === "") continue;
      const value = parse(data) as Row | Row[];
      if (Array.isArray(value)) rows.push(...value);
      else rows.push(value);
    }
    if (rows.length > 0 || id !== null) take(rows, id);
  }
}
