//! Intervals as text, in the ways that PostgreSQL's clients write them: `1 year 2 mons -3 days +04:05:06.7`.

use arrow::datatypes::IntervalMonthDayNano;
use datafusion::common::ScalarValue;

const SECOND_NS: i64 = 1_000_000_000;

pub fn text(text: &str) -> Result<ScalarValue, String> {
    let wrong = || format!("'{text}' is no INTERVAL: write 1 day 02:03:04");
    let (mut months, mut days, mut ns) = (0_i64, 0_i64, 0_i64);
    let mut words = text.split_whitespace().peekable();
    if words.peek().is_none() {
        return Err(wrong());
    }
    while let Some(word) = words.next() {
        if word.contains(':') {
            ns = ns.checked_add(clock(word).ok_or_else(wrong)?).ok_or_else(wrong)?;
            continue;
        }
        let unit = words.next().ok_or_else(wrong)?.to_ascii_lowercase();
        let unit = if unit.len() > 1 { unit.trim_end_matches('s') } else { &unit };
        if let "second" | "sec" | "s" = unit {
            ns = ns.checked_add(seconds(word).ok_or_else(wrong)?).ok_or_else(wrong)?;
            continue;
        }
        let count: i64 = word.parse().map_err(|_| wrong())?;
        let (sum, factor) = match unit {
            "year" | "y" => (&mut months, 12),
            "mon" | "month" => (&mut months, 1),
            "week" | "w" => (&mut days, 7),
            "day" | "d" => (&mut days, 1),
            "hour" | "h" => (&mut ns, 3600 * SECOND_NS),
            "minute" | "min" | "m" => (&mut ns, 60 * SECOND_NS),
            "millisecond" => (&mut ns, SECOND_NS / 1000),
            "microsecond" | "u" => (&mut ns, 1000),
            _ => return Err(wrong()),
        };
        *sum = count.checked_mul(factor).and_then(|more| sum.checked_add(more)).ok_or_else(wrong)?;
    }
    let (months, days) = (i32::try_from(months).map_err(|_| wrong())?, i32::try_from(days).map_err(|_| wrong())?);
    Ok(ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano { months, days, nanoseconds: ns })))
}

/// `[-]hours:minutes[:seconds]` in nanoseconds.
fn clock(word: &str) -> Option<i64> {
    let (negative, word) = match word.strip_prefix('-') {
        Some(word) => (true, word),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    };
    let mut parts = word.split(':');
    let hours: u32 = parts.next()?.parse().ok()?;
    let minutes: u32 = parts.next()?.parse().ok().filter(|minutes| *minutes < 60)?;
    let rest = parts.next().map_or(Some(0), seconds).filter(|ns| (0..60 * SECOND_NS).contains(ns))?;
    if parts.next().is_some() {
        return None;
    }
    let whole = i64::from(hours).checked_mul(3600)?.checked_add(i64::from(minutes) * 60)?;
    let ns = whole.checked_mul(SECOND_NS)?.checked_add(rest)?;
    Some(if negative { -ns } else { ns })
}

/// Seconds with a fraction, in nanoseconds.
fn seconds(word: &str) -> Option<i64> {
    let negative = word.starts_with('-');
    let (whole, fraction) = word.split_once('.').unwrap_or((word, "0"));
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let fraction: u32 = digits.parse().ok()?;
    let whole = whole.parse::<i64>().ok()?.checked_mul(SECOND_NS)?;
    if negative { whole.checked_sub(fraction.into()) } else { whole.checked_add(fraction.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_as_they_are_written() {
        let cases = [
            ("3 days 0:00:05", (0, 3, 5 * SECOND_NS)),
            ("1 year 2 mons -3 days +04:05:06.7", (14, -3, 14_706_700_000_000)),
            ("-00:00:00.5", (0, 0, -500_000_000)),
            ("90 seconds", (0, 0, 90 * SECOND_NS)),
        ];
        for (written, (months, days, nanoseconds)) in cases {
            let value = ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano { months, days, nanoseconds }));
            assert_eq!(text(written), Ok(value), "{written}");
        }
        for wrong in ["", "soon", "1", "1 parsec", "1:99", "1:2:3:4"] {
            assert!(text(wrong).is_err(), "{wrong}");
        }
    }
}
