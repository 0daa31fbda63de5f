// `POST /v1/features/{view}`: what is known of an entity now.

import { failureFrom, failureOf } from "./failure.ts";
import { parse, type Row } from "./value.ts";

export interface Found {
  status: "present" | "not_found" | "outside_ttl";
  /** Only of what is present. */
  values: Row | null;
}

/** `entity` is the JSON of an object with the columns that tell entities apart. */
export async function lookUp(view: string, entity: string, signal: AbortSignal): Promise<Found> {
  const response = await fetch(`/v1/features/${encodeURIComponent(view)}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: `{"entities":[${entity}]}`,
    signal,
  }).catch((cause: unknown) => {
    throw failureFrom(cause);
  });
  if (!response.ok) throw await failureOf(response);
  const answer = parse(await response.text()) as { results: [Found] };
  return answer.results[0];
}
