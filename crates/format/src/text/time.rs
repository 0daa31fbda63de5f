//! Dates and timestamps from text: `YYYY-MM-DD`, then a space or `T`, `HH:MM[:SS[.fraction]]`, then `Z` or an offset.
//!
//! Without an offset the time is UTC. Fractions beyond the column's unit are cut, as the batch engine cuts them.
//! Integers are refused: nobody can tell seconds, milliseconds and microseconds apart for sure. Years outside of four
//! digits are written with a sign, as ISO 8601 has it.

use arrow_schema::TimeUnit;

use super::digits::{self, POWERS};
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
        TimeUnit::Microsecond => return microseconds(seconds, nanos),
        TimeUnit::Nanosecond => (1_000_000_000, 1),
    };
    let units = i128::from(seconds) * per_second + i128::from(nanos / nanos_per);
    i64::try_from(units).map_err(|_| TOO_FAR)
}

#[inline]
fn microseconds(seconds: i64, nanos: u32) -> Result<i64, Fault> {
    match seconds.checked_mul(1_000_000) {
        Some(whole) => whole.checked_add(i64::from(nanos / 1000)).ok_or(TOO_FAR),
        // The fraction may bring it back into the range.
        None => i64::try_from(i128::from(seconds) * 1_000_000 + i128::from(nanos / 1000)).map_err(|_| TOO_FAR),
    }
}

/// Seconds since the epoch, and nanoseconds after them.
#[inline]
fn instant(text: &[u8]) -> Result<(i64, u32), Fault> {
    if let Some((days, of_day, rest)) = usual_layout(text) {
        return finish(days?, of_day, rest);
    }
    let (days, rest) = day(text).map_err(|fault| if fault == NOT_A_DATE { NOT_A_TIMESTAMP } else { fault })?;
    match rest {
        [] => finish(days, 0, rest),
        [b' ' | b'T' | b't', rest @ ..] => {
            let (of_day, rest) = time_of_day(rest)?;
            finish(days, of_day, rest)
        }
        _ => Err(NOT_A_TIMESTAMP),
    }
}

/// The instant of a day and a second of it, with the fraction and the offset that may follow.
#[inline]
fn finish(days: i64, of_day: u32, rest: &[u8]) -> Result<(i64, u32), Fault> {
    let midnight = days.checked_mul(SECONDS_PER_DAY).ok_or(TOO_FAR)?;
    let (nanos, rest) = match rest {
        [] => return Ok((midnight + i64::from(of_day), 0)),
        [b'.', rest @ ..] => fraction(rest)?,
        _ => (0, rest),
    };
    let offset = if rest.is_empty() { 0 } else { offset(rest)? };
    Ok((midnight + i64::from(of_day) - i64::from(offset), nanos))
}

/// `YYYY-MM-DD HH:MM:SS` at the beginning, with a space or a `T`: days, seconds of the day, and what follows. `None`
/// where the text is laid out in another way or its time of day is none.
#[inline]
fn usual_layout(text: &[u8]) -> Option<(Result<i64, Fault>, u32, &[u8])> {
    let (fixed, rest) = text.split_first_chunk::<19>()?;
    let (first, after) = fixed.split_first_chunk::<8>()?;
    let (second, seconds) = after.split_first_chunk::<8>()?;
    let [b':', s1, s2] = seconds else { return None };
    let mut second = *second;
    if second[2] == b'T' {
        second[2] = b' ';
    }
    let first = pairs(*first, *b"0000-00-")?;
    let second = pairs(second, *b"00 00:00")?;
    let year = i64::from(first[0]) * 100 + i64::from(first[2]);
    let (hour, minute, second_of_minute) = (u32::from(second[3]), u32::from(second[6]), two_digits([*s1, *s2])?);
    if hour > 23 || minute > 59 || second_of_minute > 59 {
        return None;
    }
    let days = days_from_civil(year, u32::from(first[5]), u32::from(second[0]));
    Some((days, hour * 3600 + minute * 60 + second_of_minute, rest))
}

/// For a text laid out like a pattern, in which `0` stands for a digit: at the place of each two digits their value.
#[inline]
fn pairs(text: [u8; 8], pattern: [u8; 8]) -> Option<[u8; 8]> {
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // What makes a byte's high bit rise: more than nine for a digit, anything else than the pattern's byte otherwise.
    let limits = pattern.map(|byte| if byte == b'0' { 0x76 } else { 0x7F });
    let digits = u64::from_le_bytes(text) ^ u64::from_le_bytes(pattern);
    if (digits.wrapping_add(u64::from_le_bytes(limits)) | digits) & HIGHS != 0 {
        return None;
    }
    Some((digits.wrapping_mul(10).wrapping_add(digits >> 8)).to_le_bytes())
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

/// Seconds of the day, and what follows.
fn time_of_day(text: &[u8]) -> Result<(u32, &[u8]), Fault> {
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
    Ok((hour * 3600 + minute * 60 + second, rest))
}

/// Nanoseconds of a fraction of one to nine digits, and what follows.
#[inline]
fn fraction(text: &[u8]) -> Result<(u32, &[u8]), Fault> {
    let (value, width) = digits::run(text, 0);
    if width == 0 || width > 9 {
        return Err(NOT_A_TIMESTAMP);
    }
    // Below 10^9, as the width says.
    Ok(((value * POWERS[9 - width]) as u32, &text[width..]))
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
