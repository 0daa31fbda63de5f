// What a chart with axes draws, and where the ends of its marks are.

import { range } from "./scale.ts";

/** `band`: a line within intervals. */
export type Mark = "line" | "area" | "bar" | "scatter" | "band";

export interface Point {
  x: number;
  y: number | null;
  /** Intervals around it, the widest first. */
  bands?: ([number, number] | null)[];
}

export interface Figures {
  name: string;
  /** In the order of x. */
  points: Point[];
  /** Several that are shown as one. */
  isRest: boolean;
}

export interface Plotted {
  mark: Mark;
  /** Times in milliseconds since 1970; names by their number. */
  x: "time" | "number" | "names";
  names: string[];
  series: Figures[];
  /** Series stand on each other. */
  isStacked: boolean;
  /** Differences matter more than sizes: the axis need not begin at nought. */
  isNear?: boolean;
  /** A line's values stay as they are until the next. */
  isStepped?: boolean;
}

/** A mark's ends, from `low` to `high`: of lines and dots `high` is the value. */
export interface Placed {
  x: number;
  low: number;
  high: number;
  /** The value itself. */
  y: number;
  bands?: Point["bands"];
}

/** The places of all x, in order. */
export function places({ x, names, series }: Plotted): number[] {
  if (x === "names") return names.map((_, index) => index);
  return [...new Set(series.flatMap(({ points }) => points.map((point) => point.x)))].sort((a, b) => a - b);
}

/** Each series' marks, and none where it has a gap. Of bars and of what is stacked there is one for each place. */
export function placed(plotted: Plotted): (Placed | null)[][] {
  if (!plotted.isStacked && plotted.mark !== "bar") {
    const mark = ({ x, y, bands }: Point) => (y === null ? null : { x, low: 0, high: y, y, bands });
    return plotted.series.map(({ points }) => points.map(mark));
  }
  const xs = places(plotted);
  const above = new Map<number, number>();
  const below = new Map<number, number>();
  return plotted.series.map(({ points }) => {
    const values = new Map(points.map((point) => [point.x, point.y]));
    return xs.map((x) => {
      let y = values.get(x) ?? null;
      if (y === null && plotted.isStacked) y = 0;
      if (y === null) return null;
      if (!plotted.isStacked) return { x, low: 0, high: y, y };
      const sums = y < 0 ? below : above;
      const low = sums.get(x) ?? 0;
      sums.set(x, low + y);
      return { x, low, high: low + y, y };
    });
  });
}

/** The ends of the y axis. What is far from nought need not begin there. */
export function heights(marks: (Placed | null)[][], isNear: boolean): [number, number] {
  const all = marks.flat().filter((each) => each !== null);
  if (isNear && all.length > 0) {
    const values = all.map(({ high }) => high);
    const [least, greatest] = [Math.min(...values), Math.max(...values)];
    if (least > 0 && greatest - least < least) return near(least, greatest);
  }
  return range([...all.flatMap(({ low, high }) => [low, high]), ...marks.flatMap(reaches)]);
}

/** Intervals narrow with time: those that reach this many times as far as the last one are cut off by the axis. */
const FAR = 2.5;

function reaches(of: (Placed | null)[]): number[] {
  const far = (mark: Placed, end: number): number => Math.abs(end - mark.y);
  const ends = of.flatMap((mark) => (mark?.bands ?? []).flatMap((band) => (band ?? []).map((end) => ({ mark: mark as Placed, end }))));
  const last = of.findLast((mark) => mark?.bands?.some((band) => band !== null));
  if (!last) return [];
  const limit = FAR * Math.max(...(last.bands ?? []).flatMap((band) => (band ?? []).map((end) => far(last, end))));
  return ends.map(({ mark, end }) => mark.y + Math.sign(end - mark.y) * Math.min(far(mark, end), limit));
}

function near(least: number, greatest: number): [number, number] {
  const [, size] = range([greatest - least]);
  const step = size / 4;
  const [low, high] = [Math.floor(least / step) * step, Math.ceil(greatest / step) * step || 1];
  return high > low ? [low, high] : [low - step, high];
}

/** How wide a bar's place is: the least distance of two. */
export function spacing(xs: number[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (let index = 1; index < xs.length; index += 1) least = Math.min(least, (xs[index] ?? 0) - (xs[index - 1] ?? 0));
  return Number.isFinite(least) ? least : 1;
}
