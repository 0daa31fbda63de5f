// Values of charts: short beside an axis, with their digits where one is read.

const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 4 });
const MIDDLE = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const SMALL = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });

/** `123.5K`, `12,345`, `940.5`, `0.01234`. */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (size >= 100_000) return SHORT.format(value);
  if (size >= 1000) return WHOLE.format(value);
  return size >= 1 || size === 0 ? MIDDLE.format(value) : SMALL.format(value);
}

/** At an axis: as short as can be. */
export function short(value: number): string {
  return Math.abs(value) >= 1000 ? SHORT.format(value) : SMALL.format(value);
}

/** `1,234,567.89`. */
export function exactly(value: number): string {
  return Math.abs(value) >= 1 || value === 0 ? MIDDLE.format(value) : SMALL.format(value);
}
