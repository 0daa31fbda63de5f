//! Dates and timestamps from text: `YYYY-MM-DD`, then a space or `T`, `HH:MM[:SS[.fraction]]`, then `Z` or an offset.
//!
//! Without an offset the time is UTC. Fractions beyond the column's unit are cut, as the batch engine cuts them.
//! Integers are refused: nobody can tell seconds, milliseconds and microseconds apart for sure. Years outside of four
//! digits are written with a sign, as ISO 8601 has it.

use arrow_schema::TimeUnit;

use crate::error::{Fault, Refusal};

const NOT_A_DATE: Fault = &Refusal::of_type("expected a date as YYYY-MM-DD");
const NOT_A_TIMESTAMP: Fault = &Refusal::of_type(
    "expected a timestamp as YYYY-MM-DD HH:MM:SS[.ffffff], with Z or an offset like +01:00 or neither",
);
const NO_SUCH_TIME: Fault = &Refusal::of_type("no such day or time of day");
const TOO_FAR: Fault = &Refusal::overflow("beyond the range of the column's type");

const SECONDS_PER_DAY: i64 = 86_400;

/// Days since the Unix epoch.
pub(crate) fn date(text: &[u8]) -> Result<i32, Fault> {
    match day(text)? {
        (days, []) => i32::try_from(days).map_err(|_| TOO_FAR),
        _ => Err(NOT_A_DATE),
    }
}

/// Units since the Unix epoch.
#[inline]
pub(crate) fn timestamp(text: &[u8], unit: TimeUnit) -> Result<i64, Fault> {
    let (seconds, nanos) = instant(text)?;
    let (per_second, nanos_per) = match unit {
        TimeUnit::Second => (1, 1_000_000_000),
        TimeUnit::Millisecond => (1_000, 1_000_000),
        TimeUnit::Microsecond => (1_000_000, 1_000),
        TimeUnit::Nanosecond => (1_000_000_000, 1),
    };
    let units = i128::from(seconds) * per_second + i128::from(nanos / nanos_per);
    i64::try_from(units).map_err(|_| TOO_FAR)
}

/// Seconds since the epoch, and nanoseconds after them.
#[inline]
fn instant(text: &[u8]) -> Result<(i64, u32), Fault> {
    let (days, rest) = match text.first_chunk::<10>().and_then(day_fixed) {
        Some(days) => (days?, &text[10..]),
        None => day(text).map_err(|fault| if fault == NOT_A_DATE { NOT_A_TIMESTAMP } else { fault })?,
    };
    let midnight = days.checked_mul(SECONDS_PER_DAY).ok_or(TOO_FAR)?;
    let rest = match rest {
        [] => return Ok((midnight, 0)),
        [b' ' | b'T' | b't', rest @ ..] => rest,
        _ => return Err(NOT_A_TIMESTAMP),
    };
    let (of_day, nanos, rest) = time_of_day(rest)?;
    Ok((midnight + i64::from(of_day) - i64::from(offset(rest)?), nanos))
}

/// The usual layout; `None` when it is another one.
#[inline]
fn day_fixed(text: &[u8; 10]) -> Option<Result<i64, Fault>> {
    let pair = |at: usize| two_digits([text[at], text[at + 1]]);
    let year = pair(0)? * 100 + pair(2)?;
    if text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    Some(days_from_civil(i64::from(year), pair(5)?, pair(8)?))
}

/// A date at the beginning of the text, and what follows it.
fn day(text: &[u8]) -> Result<(i64, &[u8]), Fault> {
    let (sign, unsigned) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        _ => (1, text),
    };
    let width = unsigned.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let widths = if unsigned.len() == text.len() { 4..=4 } else { 4..=9 };
    if !widths.contains(&width) {
        return Err(NOT_A_DATE);
    }
    let year = unsigned[..width].iter().fold(0i64, |year, digit| year * 10 + i64::from(digit - b'0'));
    let [b'-', m1, m2, b'-', d1, d2, rest @ ..] = &unsigned[width..] else { return Err(NOT_A_DATE) };
    match (two_digits([*m1, *m2]), two_digits([*d1, *d2])) {
        (Some(month), Some(day)) => Ok((days_from_civil(sign * year, month, day)?, rest)),
        _ => Err(NOT_A_DATE),
    }
}

/// Seconds of the day, nanoseconds, and what follows.
#[inline]
fn time_of_day(text: &[u8]) -> Result<(u32, u32, &[u8]), Fault> {
    let [h1, h2, b':', m1, m2, rest @ ..] = text else { return Err(NOT_A_TIMESTAMP) };
    let hour = two_digits([*h1, *h2]).ok_or(NOT_A_TIMESTAMP)?;
    let minute = two_digits([*m1, *m2]).ok_or(NOT_A_TIMESTAMP)?;
    let (second, rest) = match rest {
        [b':', s1, s2, rest @ ..] => (two_digits([*s1, *s2]).ok_or(NOT_A_TIMESTAMP)?, rest),
        _ => (0, rest),
    };
    if hour > 23 || minute > 59 || second > 59 {
        return Err(NO_SUCH_TIME);
    }
    let (nanos, rest) = match rest {
        [b'.', rest @ ..] => fraction(rest)?,
        _ => (0, rest),
    };
    Ok((hour * 3600 + minute * 60 + second, nanos, rest))
}

/// Nanoseconds of a fraction of one to nine digits, and what follows.
fn fraction(text: &[u8]) -> Result<(u32, &[u8]), Fault> {
    let width = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if width == 0 || width > 9 {
        return Err(NOT_A_TIMESTAMP);
    }
    let value = text[..width].iter().fold(0u32, |value, digit| value * 10 + u32::from(digit - b'0'));
    Ok((value * 10u32.pow(9 - width as u32), &text[width..]))
}

/// Seconds east of UTC.
fn offset(text: &[u8]) -> Result<i32, Fault> {
    let (sign, digits) = match text {
        [] | [b'Z' | b'z'] => return Ok(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return Err(NOT_A_TIMESTAMP),
    };
    let (hours, minutes) = match digits {
        [h1, h2] => ([*h1, *h2], [b'0', b'0']),
        [h1, h2, m1, m2] | [h1, h2, b':', m1, m2] => ([*h1, *h2], [*m1, *m2]),
        _ => return Err(NOT_A_TIMESTAMP),
    };
    match (two_digits(hours), two_digits(minutes)) {
        (Some(hours), Some(minutes)) if hours < 24 && minutes < 60 => Ok(sign * (hours * 3600 + minutes * 60) as i32),
        (Some(_), Some(_)) => Err(NO_SUCH_TIME),
        _ => Err(NOT_A_TIMESTAMP),
    }
}

#[inline]
fn two_digits(pair: [u8; 2]) -> Option<u32> {
    let [tens, ones] = pair.map(|byte| byte.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| u32::from(tens) * 10 + u32::from(ones))
}

/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
#[inline]
pub(crate) fn days_from_civil(year: i64, month: u32, day: u32) -> Result<i64, Fault> {
    if !(1..=12).contains(&month) || day == 0 || day > days_of_month(year, month) {
        return Err(NO_SUCH_TIME);
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Ok(era * 146_097 + day_of_era - 719_468)
}

/// Year, month and day. Source: as above, `civil_from_days`.
pub(crate) fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month = ((month_from_march + 2) % 12 + 1) as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[inline]
fn days_of_month(year: i64, month: u32) -> u32 {
    const DAYS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    DAYS[month as usize - 1] + u32::from(leap && month == 2)
}
