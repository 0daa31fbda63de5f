//! The week: when people shop. Time is stretched so that a busy hour is long and a night is short; in stretched time visits
//! come evenly.

use crate::{DAY, HOUR};

/// Of a day, hour by hour, UTC.
const HOURS: [f64; 24] = [
    0.35, 0.22, 0.16, 0.14, 0.16, 0.25, 0.45, 0.72, 0.95, 1.10, 1.18, 1.22, 1.30, 1.25, 1.15, 1.12, 1.15, 1.28, 1.55,
    1.85, 2.05, 1.90, 1.40, 0.80,
];

/// Monday first.
const WEEKDAYS: [f64; 7] = [1.05, 0.97, 0.95, 0.98, 1.02, 0.95, 1.08];

const WEEK_HOURS: usize = 7 * 24;

#[derive(Debug)]
pub struct Rhythm {
    start_us: i64,
    /// Stretched days from the start to each hour of the first week, and to its end: seven.
    hours: [f64; WEEK_HOURS + 1],
}

impl Rhythm {
    pub fn new(start_us: i64) -> Rhythm {
        // The Unix epoch was a Thursday.
        let weekday = (start_us.div_euclid(DAY) + 3).rem_euclid(7) as usize;
        let weight = |hour: usize| WEEKDAYS[(weekday + hour / 24) % 7] * HOURS[hour % 24];
        let total: f64 = (0..WEEK_HOURS).map(weight).sum();
        let mut hours = [0.0; WEEK_HOURS + 1];
        for hour in 0..WEEK_HOURS {
            hours[hour + 1] = hours[hour] + 7.0 * weight(hour) / total;
        }
        Rhythm { start_us, hours }
    }

    /// Stretched days since the start.
    pub fn days(&self, at: i64) -> f64 {
        let since = at - self.start_us;
        let (week, in_week) = (since.div_euclid(7 * DAY), since.rem_euclid(7 * DAY));
        let hour = (in_week / HOUR) as usize;
        let share = (in_week % HOUR) as f64 / HOUR as f64;
        let (from, to) = (self.hours[hour], self.hours[hour + 1]);
        week as f64 * 7.0 + from + share * (to - from)
    }

    /// The time at so many stretched days since the start.
    pub fn at(&self, days: f64) -> i64 {
        let week = (days / 7.0).floor();
        let in_week = days - 7.0 * week;
        let hour = self.hours.partition_point(|each| *each <= in_week).clamp(1, WEEK_HOURS) - 1;
        let (from, to) = (self.hours[hour], self.hours[hour + 1]);
        let share = ((in_week - from) / (to - from)).clamp(0.0, 1.0);
        self.start_us + week as i64 * 7 * DAY + hour as i64 * HOUR + (share * HOUR as f64) as i64
    }

    /// The time so many stretched days later.
    pub fn after(&self, at: i64, days: f64) -> i64 {
        self.at(self.days(at) + days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretched_time_goes_there_and_back() {
        let rhythm = Rhythm::new(20_454 * DAY);
        for minutes in (0..60 * 24 * 30).step_by(7) {
            let at = 20_454 * DAY + minutes * crate::MINUTE;
            let back = rhythm.at(rhythm.days(at));
            assert!((back - at).abs() < 1000, "{minutes}: {}", back - at);
        }
        assert!((rhythm.days(20_454 * DAY + 7 * DAY) - 7.0).abs() < 1e-9);
    }
}
