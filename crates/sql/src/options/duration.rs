//! Durations as people write them.
//!
//! A day has 24 hours, a week 7 days, a year 365 days. Months have no fixed length and are refused.

use std::time::Duration;

const SECOND_US: u64 = 1_000_000;
const DAY_US: u64 = 86_400 * SECOND_US;

/// Reads `7 days`, `1 hour 30 minutes`, `500ms`. The error is a phrase for a diagnostic's detail.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err("it is empty".to_owned());
    }
    let mut total_us: u64 = 0;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
        let after = after.trim_start();
        if number.is_empty() {
            return Err(format!("a whole number is expected at '{after}'"));
        }
        let (unit, after) = after.split_at(after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len()));
        let number = number.parse::<u64>().ok();
        let unit_us = unit_us(unit, after)?;
        total_us = number
            .and_then(|number| number.checked_mul(unit_us))
            .and_then(|part_us| total_us.checked_add(part_us))
            .filter(|total_us| i64::try_from(*total_us).is_ok())
            .ok_or_else(|| "it is longer than 292,000 years".to_owned())?;
        rest = after.trim_start();
    }
    Ok(Duration::from_micros(total_us))
}

/// What [`parse_duration`] reads as this time, to the microsecond.
pub fn duration_text(time: Duration) -> String {
    let us = time.as_micros();
    let units = [("day", u128::from(DAY_US)), ("hour", 3_600_000_000), ("minute", 60_000_000), ("second", 1_000_000)];
    let whole = units.iter().find(|(_, unit_us)| us > 0 && us.is_multiple_of(*unit_us));
    let (unit, number) = whole.map_or(("microsecond", us), |(unit, unit_us)| (unit, us / unit_us));
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

fn unit_us(unit: &str, after: &str) -> Result<u64, String> {
    Ok(match unit.to_lowercase().as_str() {
        "us" | "microsecond" | "microseconds" => 1,
        "ms" | "millisecond" | "milliseconds" => 1_000,
        "s" | "sec" | "second" | "seconds" => SECOND_US,
        "min" | "minute" | "minutes" => 60 * SECOND_US,
        "h" | "hour" | "hours" => 3_600 * SECOND_US,
        "d" | "day" | "days" => DAY_US,
        "week" | "weeks" => 7 * DAY_US,
        "year" | "years" => 365 * DAY_US,
        "month" | "months" => return Err("months differ in length; say it in days".to_owned()),
        "" if after.starts_with('.') => return Err("only whole numbers; use a smaller unit".to_owned()),
        "" => return Err("a unit is missing after the number".to_owned()),
        _ => return Err(format!("'{unit}' is not a unit; there are seconds, minutes, hours, days, weeks, years")),
    })
}
