//! Dates, times and intervals. Days and microseconds count from 2000-01-01 in binary, and from 1970-01-01 in Arrow.

use std::io::Write;

use arrow::datatypes::IntervalMonthDayNano;
use bytes::{BufMut, BytesMut};

const DAY_US: i64 = 86_400_000_000;
/// Days from 1970-01-01 to 2000-01-01.
pub const EPOCH_DAYS: i32 = 10_957;
pub const EPOCH_US: i64 = EPOCH_DAYS as i64 * DAY_US;

/// Year, month and day of a day since 1970-01-01, in the proleptic Gregorian calendar.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

pub fn date_text(days: i64, out: &mut BytesMut) {
    if day(days, out) {
        out.put_slice(b" BC");
    }
}

/// Writes a day; true if it is before the common era, which is said at the end of a text.
fn day(days: i64, out: &mut BytesMut) -> bool {
    let (year, month, day) = civil(days);
    let before = year <= 0;
    let year = if before { 1 - year } else { year };
    // Writing to memory does not fail.
    let _ = write!(out.writer(), "{year:04}-{month:02}-{day:02}");
    before
}

pub fn time_text(us: i64, out: &mut BytesMut) {
    let (seconds, fraction) = (us / 1_000_000, us % 1_000_000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let _ = write!(out.writer(), "{hours:02}:{minutes:02}:{:02}", seconds % 60);
    if fraction != 0 {
        let digits = format!("{fraction:06}");
        let _ = write!(out.writer(), ".{}", digits.trim_end_matches('0'));
    }
}

pub fn timestamp_text(us: i64, zoned: bool, out: &mut BytesMut) {
    let before = day(us.div_euclid(DAY_US), out);
    out.put_u8(b' ');
    time_text(us.rem_euclid(DAY_US), out);
    if zoned {
        out.put_slice(b"+00");
    }
    if before {
        out.put_slice(b" BC");
    }
}

/// As `IntervalStyle = 'postgres'`: `1 year 2 mons -3 days 04:05:06.7`.
pub fn interval_text(interval: IntervalMonthDayNano, out: &mut BytesMut) {
    let (years, months, days) = (interval.months / 12, interval.months % 12, interval.days);
    let us = interval.nanoseconds / 1000;
    let mut any = false;
    // A positive part that follows a negative one has a sign of its own.
    let mut after_negative = false;
    let mut part = |count: i64, unit: &str, out: &mut BytesMut| {
        if count != 0 {
            let space = if any { " " } else { "" };
            let sign = if count > 0 && after_negative { "+" } else { "" };
            let plural = if count == 1 { "" } else { "s" };
            let _ = write!(out.writer(), "{space}{sign}{count} {unit}{plural}");
            any = true;
            after_negative = count < 0;
        }
    };
    part(years.into(), "year", out);
    part(months.into(), "mon", out);
    part(days.into(), "day", out);
    if us != 0 || !any {
        let sign = if us < 0 {
            "-"
        } else if after_negative {
            "+"
        } else {
            ""
        };
        let _ = write!(out.writer(), "{}{sign}", if any { " " } else { "" });
        time_text(us.wrapping_abs(), out);
    }
}

pub fn date_binary(days: i32, out: &mut BytesMut) {
    // Days beyond PostgreSQL's range are its infinity.
    out.put_i32(days.checked_sub(EPOCH_DAYS).unwrap_or(i32::MIN));
}

pub fn timestamp_binary(us: i64, out: &mut BytesMut) {
    out.put_i64(us.checked_sub(EPOCH_US).unwrap_or(i64::MIN));
}

pub fn interval_binary(interval: IntervalMonthDayNano, out: &mut BytesMut) {
    out.put_i64(interval.nanoseconds / 1000);
    out.put_i32(interval.days);
    out.put_i32(interval.months);
}
