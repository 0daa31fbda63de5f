// What a request came to instead of an answer, as the node says it.

/** One thing that is wrong with a text. Lines and columns from 1, `start` and `end` in bytes of UTF-8. */
export interface Diagnostic {
  message: string;
  /** The text that it is about: that of the request, or `catalog: NAME`, a definition that was there before. */
  file: string;
  detail: string | null;
  hint: string | null;
  line: number;
  column: number;
  start: number;
  end: number;
}

/** The object whose definition is wrong, where it is not the statement itself. */
export function elsewhere({ file }: Diagnostic): string | null {
  return /^catalog: (.*)$/.exec(file)?.[1] ?? null;
}

export type FailureKind =
  | "invalid"
  | "conflict"
  | "unavailable"
  | "corrupt"
  | "internal"
  /** No node answered. */
  | "unreachable"
  /** The answer ended before its end. */
  | "broken off"
  /** We gave up waiting. */
  | "cancelled";

export class Failure extends Error {
  constructor(
    readonly kind: FailureKind,
    message: string,
    readonly hint: string | null = null,
    readonly diagnostics: Diagnostic[] = [],
    readonly status = 0,
  ) {
    super(message);
  }

  /** Whether the node lacks what was asked for, rather than failing at it. */
  get isMissing(): boolean {
    return this.diagnostics.some((each) => /^there is no (relation|column) /.test(each.message));
  }
}

interface ErrorBody {
  error?: { kind?: string; message?: string; hint?: string; diagnostics?: Diagnostic[] };
}

/** The failure that a response with an error status tells. */
export async function failureOf(response: Response): Promise<Failure> {
  const text = await response.text().catch(() => "");
  let body: ErrorBody = {};
  try {
    body = JSON.parse(text) as ErrorBody;
  } catch {
    // Not ours: a proxy's page, perhaps. The status is all that it tells.
  }
  const { error } = body;
  const diagnostics = error?.diagnostics ?? [];
  // With diagnostics, the message is their rendering for a terminal.
  const message = diagnostics[0]?.message ?? error?.message ?? `the node answered with status ${response.status}`;
  const hint = diagnostics[0]?.hint ?? error?.hint ?? null;
  return new Failure((error?.kind as FailureKind) ?? "internal", message, hint, diagnostics, response.status);
}

/** The failure that a rejected `fetch`, or a body that broke off, stands for. */
export function failureFrom(cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  if (cause instanceof DOMException && cause.name === "AbortError") return new Failure("cancelled", "cancelled");
  return new Failure("unreachable", "the node does not answer", "look whether it still runs, and what it logged");
}
