// What was seen of each relation while this page was open, for rates and charts.

/** `at` in milliseconds of the node's clock, `rate` in rows a second. */
export interface Sample {
  at: number;
  rows: number;
  rate: number | null;
  lag: number | null;
  behind_ms: number | null;
}

/** A quarter of an hour at one sample a second. */
const SAMPLES_MAX = 900;

/** Rates are means over so long, else they jump with every batch. */
const RATE_WINDOW_MS = 4500;

export class History {
  private readonly relations = new Map<string, Sample[]>();

  /** Adds what is counted now and works out the rate. Counts that went down mean that the node began anew. */
  push(name: string, at: number, rows: number, lag: number | null, behind_ms: number | null): void {
    let samples = this.relations.get(name);
    const last = samples?.at(-1);
    if (samples === undefined || (last !== undefined && (rows < last.rows || at < last.at))) {
      samples = [];
      this.relations.set(name, samples);
    }
    let first: Sample | undefined;
    for (let index = samples.length - 1; index >= 0; index -= 1) {
      const sample = samples[index];
      if (sample === undefined || (first !== undefined && at - sample.at > RATE_WINDOW_MS)) break;
      first = sample;
    }
    const rate = first === undefined || at <= first.at ? null : ((rows - first.rows) * 1000) / (at - first.at);
    samples.push({ at, rows, rate, lag, behind_ms });
    if (samples.length > SAMPLES_MAX) samples.shift();
  }

  of(name: string): readonly Sample[] {
    return this.relations.get(name) ?? [];
  }

  last(name: string): Sample | undefined {
    return this.relations.get(name)?.at(-1);
  }

  clear(): void {
    this.relations.clear();
  }
}
