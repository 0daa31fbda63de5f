// Marks of a time axis that follow the calendar: hours within a day, days, months, years; in UTC as all times here.

import { type Tick, timeTicks } from "./scale.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** About `count` of them in a range. */
export function calendarTicks(low: number, high: number, count: number): Tick[] {
  const rough = (high - low) / Math.max(count, 1);
  if (rough <= 12 * HOUR) {
    const ticks = timeTicks(low, high, count);
    // At midnight a day begins.
    return ticks.map((tick) => (tick.at % DAY === 0 ? { ...tick, text: dayText(tick.at) } : tick));
  }
  const days = [1, 2, 7, 14].find((each) => each * DAY >= rough);
  if (days !== undefined) return everyDays(low, high, days);
  const months = [1, 2, 3, 6, 12].find((each) => each * 30.5 * DAY >= rough);
  return everyMonths(low, high, months ?? 12 * Math.ceil(rough / (366 * DAY)));
}

function everyDays(low: number, high: number, days: number): Tick[] {
  const step = days * DAY;
  // The week begins on Monday; 1970 began on a Thursday.
  const shift = days % 7 === 0 ? 4 * DAY : 0;
  const found: Tick[] = [];
  for (let at = Math.ceil((low - shift) / step) * step + shift; at <= high; at += step) {
    found.push({ at, text: dayText(at) });
  }
  return found;
}

function everyMonths(low: number, high: number, months: number): Tick[] {
  const first = new Date(low);
  const found: Tick[] = [];
  let number = Math.ceil((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months;
  for (;; number += months) {
    const [year, month] = [Math.floor(number / 12), number % 12];
    const at = Date.UTC(year, month, 1);
    if (at > high) return found;
    if (at >= low) found.push({ at, text: months >= 12 || month === 0 ? String(year) : (MONTHS[month] ?? "") });
  }
}

function dayText(at: number): string {
  const date = new Date(at);
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
}

/** A time as a chart tells it at the pointer: a day where all are days. */
export function moment(at: number, areDays: boolean): string {
  const text = new Date(at).toISOString();
  return areDays ? text.slice(0, 10) : text.slice(0, 19).replace("T", " ");
}

/** Whether each is the beginning of a day. */
export function areDays(times: number[]): boolean {
  return times.every((at) => at % DAY === 0);
}
