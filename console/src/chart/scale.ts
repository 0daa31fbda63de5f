// Axes: round places for their marks, in numbers and in time.

export interface Tick {
  at: number;
  text: string;
}

/** Round numbers in a range, about `count` of them. */
export function ticks(low: number, high: number, count: number): number[] {
  if (!(high > low)) return [low];
  const rough = (high - low) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10) * power;
  const found: number[] = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) {
    found.push(Math.abs(at) < step * 1e-9 ? 0 : at);
  }
  return found;
}

const SECOND = 1000;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400].map(
  (seconds) => seconds * SECOND,
);
const DAY = 86_400 * SECOND;

/** Round times of UTC in a range, about `count` of them. */
export function timeTicks(low: number, high: number, count: number): Tick[] {
  if (!(high > low)) return [{ at: low, text: timeText(low, SECOND) }];
  const rough = (high - low) / Math.max(count, 1);
  const step = STEPS.find((each) => each >= rough) ?? Math.ceil(rough / DAY) * DAY;
  const found: Tick[] = [];
  for (let at = Math.ceil(low / step) * step; at <= high; at += step) found.push({ at, text: timeText(at, step) });
  return found;
}

function timeText(at: number, step: number): string {
  const text = new Date(at).toISOString();
  if (step >= DAY) return text.slice(0, 10);
  return step >= 60 * SECOND ? text.slice(11, 16) : text.slice(11, 19);
}

/** The range of values for a y axis: from 0 where nothing is below, with some air. */
export function range(values: number[]): [number, number] {
  let [low, high] = [0, 0];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low === high) return [0, 1];
  const [first = 0, second = 1] = ticks(low, high, 4);
  const step = second - first;
  return [Math.floor(low / step) * step, Math.ceil(high / step) * step];
}
