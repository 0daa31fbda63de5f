//! Windows of event time: the functions that assign a row to its windows, one definition for batch and stream.
//!
//! A window is half-open, `[start, end)`, and aligned to the Unix epoch in UTC, before 1970 too. [`relation`] plans
//! `TUMBLE(rel, time, size)` and its kin as projections that call the [`functions`]; where a row has several windows
//! the call gives a list, which is unnested. Sessions depend on other rows and are a node of their own, [`session`].
//! The stream engine finds the calls in the plan with [`Call::find`].

pub mod functions;
pub mod group;
pub mod relation;
pub mod session;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;

use functions::Function;

pub const WINDOW_START: &str = "window_start";
pub const WINDOW_END: &str = "window_end";

/// The most windows that one row may be in.
pub const WINDOWS_MAX: i64 = 10_000;

/// The start of the window that holds `time_us`, or `None` where it lies before what a TIMESTAMP can hold.
#[inline]
pub fn tumble_start_us(time_us: i64, size_us: i64) -> Option<i64> {
    time_us.checked_sub(time_us.rem_euclid(size_us))
}

/// The end of the window that holds `time_us`, or `None` where it lies outside what a TIMESTAMP can hold.
#[inline]
pub fn tumble_end_us(time_us: i64, size_us: i64) -> Option<i64> {
    tumble_start_us(time_us, size_us)?.checked_add(size_us)
}

/// The starts of all windows of `size_us` that hold `time_us`, one each `slide_us` from the epoch on, ascending; `None`
/// where one lies outside what a TIMESTAMP can hold.
#[inline]
pub fn hop_starts_us(time_us: i64, slide_us: i64, size_us: i64) -> Option<impl Iterator<Item = i64>> {
    let last = tumble_start_us(time_us, slide_us)?;
    last.checked_add(size_us)?;
    // Those that begin behind this time hold the row; where windows leave gaps there may be none.
    let reach = time_us.checked_sub(size_us)?;
    let count = (i128::from(last) - i128::from(reach) - 1).div_euclid(slide_us.into()) as i64 + 1;
    Some((0..count).rev().map(move |number| last - number * slide_us))
}

/// The ends of all windows that grow from the start of the window of `size_us` that holds `time_us` by `step_us`, and
/// hold it, ascending. `size_us` is a multiple of `step_us`.
#[inline]
pub fn cumulate_ends_us(time_us: i64, step_us: i64, size_us: i64) -> Option<impl Iterator<Item = i64>> {
    let last = tumble_end_us(time_us, size_us)?;
    let first = tumble_end_us(time_us, step_us)?;
    let count = (last - first) / step_us + 1;
    Some((0..count).map(move |number| first + number * step_us))
}

/// A constant length of time in microseconds. Months have no fixed length and are refused, as is what is finer than
/// a microsecond. A day has 24 hours.
pub fn interval_us(value: &ScalarValue) -> std::result::Result<i64, String> {
    let (months, days, nanoseconds) = match value {
        ScalarValue::IntervalMonthDayNano(Some(value)) => (value.months, value.days, i128::from(value.nanoseconds)),
        ScalarValue::IntervalDayTime(Some(value)) => (0, value.days, i128::from(value.milliseconds) * 1_000_000),
        ScalarValue::IntervalYearMonth(Some(months)) => (*months, 0, 0),
        ScalarValue::DurationSecond(Some(value)) => (0, 0, i128::from(*value) * 1_000_000_000),
        ScalarValue::DurationMillisecond(Some(value)) => (0, 0, i128::from(*value) * 1_000_000),
        ScalarValue::DurationMicrosecond(Some(value)) => (0, 0, i128::from(*value) * 1_000),
        ScalarValue::DurationNanosecond(Some(value)) => (0, 0, i128::from(*value)),
        other => return Err(format!("expected a constant INTERVAL, found {}", other.data_type())),
    };
    if months != 0 {
        return Err("months and years have no fixed length; give days or less".to_owned());
    }
    let nanoseconds = i128::from(days) * 86_400_000_000_000 + nanoseconds;
    if nanoseconds % 1_000 != 0 {
        return Err("times have microseconds; the interval is finer".to_owned());
    }
    i64::try_from(nanoseconds / 1_000).map_err(|_| "the interval is too long".to_owned())
}

/// What a call of one of the [`functions`] says of a row's windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// An edge of windows over a time, or a list of them; each window's end lies `end_after_us` behind its edge.
    Edge { time: Expr, size_us: i64, end_after_us: i64 },
    /// The end of a window, from its start.
    End { start: Expr, size_us: i64 },
}

impl Call {
    /// Sees through aliases.
    pub fn find(expr: &Expr) -> Option<Call> {
        let call = match expr {
            Expr::Alias(alias) => return Call::find(&alias.expr),
            Expr::ScalarFunction(call) => call,
            _ => return None,
        };
        let function = Function::of(&call.func)?;
        let [over, sizes @ ..] = call.args.as_slice() else { return None };
        let sizes = sizes.iter().map(|each| match each {
            Expr::Literal(ScalarValue::Int64(Some(size_us)), _) => Some(*size_us),
            _ => None,
        });
        let size_us = sizes.collect::<Option<Vec<_>>>()?.last().copied()?;
        let edge = |end_after_us| Call::Edge { time: over.clone(), size_us, end_after_us };
        Some(match function {
            Function::TumbleStart | Function::HopStarts => edge(size_us),
            Function::TumbleEnd | Function::CumulateEnds => edge(0),
            Function::HopEnd => Call::End { start: over.clone(), size_us },
        })
    }
}

#[cfg(test)]
mod tests;
