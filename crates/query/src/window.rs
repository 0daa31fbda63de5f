//! Windows of event time: the functions that assign a row to its window, one definition for batch and stream.
//!
//! A window is half-open, `[start, end)`, and aligned to the Unix epoch in UTC, before 1970 too. [`relation`] plans
//! `TUMBLE(rel, time, size)` as a projection that calls these functions; the stream engine finds the calls in the
//! plan with [`Tumble::find`] and takes the same arithmetic from [`tumble_start_us`].

pub mod group;
pub mod relation;

use std::any::Any;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::relation::{UTC, timestamp_type};

pub const WINDOW_START: &str = "window_start";
pub const WINDOW_END: &str = "window_end";

/// The names under which the functions stand in plans. Their arguments are a [`timestamp_type`] and a size in
/// microseconds, BIGINT and positive.
pub const TUMBLE_START: &str = "tumble_start";
pub const TUMBLE_END: &str = "tumble_end";

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

/// `tumble_start(time, size_us)`.
pub fn tumble_start() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(Bound::new(Edge::Start).into()));
    Arc::clone(&FUNCTION)
}

/// `tumble_end(time, size_us)`.
pub fn tumble_end() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(Bound::new(Edge::End).into()));
    Arc::clone(&FUNCTION)
}

/// Which end of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Edge {
    Start,
    End,
}

/// A call of one of the two functions, as found in a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tumble {
    pub edge: Edge,
    pub time: Expr,
    pub size_us: i64,
}

impl Tumble {
    /// Sees through aliases.
    pub fn find(expr: &Expr) -> Option<Tumble> {
        let call = match expr {
            Expr::Alias(alias) => return Tumble::find(&alias.expr),
            Expr::ScalarFunction(call) => call,
            _ => return None,
        };
        let edge = (call.func.inner().as_ref() as &dyn Any).downcast_ref::<Bound>()?.edge;
        let [time, Expr::Literal(ScalarValue::Int64(Some(size_us)), _)] = call.args.as_slice() else { return None };
        Some(Tumble { edge, time: time.clone(), size_us: *size_us })
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bound {
    edge: Edge,
    signature: Signature,
}

impl Bound {
    fn new(edge: Edge) -> Bound {
        Bound { edge, signature: Signature::user_defined(Volatility::Immutable) }
    }

    fn apply(&self, time_us: i64, size_us: i64) -> std::result::Result<i64, ArrowError> {
        let bound = match self.edge {
            Edge::Start => tumble_start_us(time_us, size_us),
            Edge::End => tumble_end_us(time_us, size_us),
        };
        bound.ok_or_else(|| ArrowError::ComputeError(format!("the window of time {time_us} us is out of range")))
    }
}

impl ScalarUDFImpl for Bound {
    fn name(&self) -> &str {
        match self.edge {
            Edge::Start => TUMBLE_START,
            Edge::End => TUMBLE_END,
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [DataType::Timestamp(..) | DataType::Date32 | DataType::Null, DataType::Int64] => {
                Ok(vec![timestamp_type(), DataType::Int64])
            }
            _ => plan_err!("{} takes a TIMESTAMP and a number of microseconds as BIGINT", self.name()),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(timestamp_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [time, size] = args.args.as_slice() else {
            return exec_err!("{} takes two arguments", self.name());
        };
        match (time, size) {
            (ColumnarValue::Scalar(time), ColumnarValue::Scalar(size)) => {
                let (times, sizes) = (time.to_array()?, size.to_array()?);
                let bounds = self.bounds(&times, &sizes)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&bounds, 0)?))
            }
            (ColumnarValue::Array(times), ColumnarValue::Scalar(ScalarValue::Int64(Some(size_us)))) => {
                Ok(ColumnarValue::Array(self.bounds_of_size(times, *size_us)?))
            }
            _ => {
                let arrays = ColumnarValue::values_to_arrays(&args.args)?;
                Ok(ColumnarValue::Array(self.bounds(&arrays[0], &arrays[1])?))
            }
        }
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        match inputs {
            [time, size] if is_one_value(&size.range) => Ok(time.sort_properties),
            _ => Ok(SortProperties::Unordered),
        }
    }
}

impl Bound {
    fn bounds_of_size(&self, times: &ArrayRef, size_us: i64) -> Result<ArrayRef> {
        check_size(size_us)?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let bounds = times.try_unary::<_, TimestampMicrosecondType, _>(|time_us| self.apply(time_us, size_us))?;
        Ok(Arc::new(bounds.with_timezone(UTC)))
    }

    fn bounds(&self, times: &ArrayRef, sizes: &ArrayRef) -> Result<ArrayRef> {
        let (times, sizes) = (times.as_primitive::<TimestampMicrosecondType>(), sizes.as_primitive::<Int64Type>());
        let bounds = (0..times.len())
            .map(|row| {
                if times.is_null(row) || sizes.is_null(row) {
                    return Ok(None);
                }
                check_size(sizes.value(row))?;
                Ok(Some(self.apply(times.value(row), sizes.value(row))?))
            })
            .collect::<Result<arrow::array::TimestampMicrosecondArray>>()?;
        Ok(Arc::new(bounds.with_timezone(UTC)))
    }
}

fn is_one_value(range: &Interval) -> bool {
    !range.lower().is_null() && range.lower() == range.upper()
}

fn check_size(size_us: i64) -> Result<()> {
    if size_us > 0 {
        return Ok(());
    }
    Err(DataFusionError::Execution(format!("the size of a window must be positive, not {size_us} us")))
}

#[cfg(test)]
mod tests;
