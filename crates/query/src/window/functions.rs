//! The functions that stand in plans for the windows of a row. Their first argument is a time, the others are lengths
//! in microseconds, BIGINT and positive.
//!
//! | function | gives |
//! |---|---|
//! | `tumble_start(time, size)`, `tumble_end(time, size)` | the edges of the window that holds the time |
//! | `hop_starts(time, slide, size)` | a list of the starts of all windows that hold it |
//! | `hop_end(start, size)` | the end of the window that starts there |
//! | `cumulate_ends(time, step, size)` | a list of the ends of all growing windows that hold it |

use std::any::Any;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, ListArray, TimestampMicrosecondArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::{cumulate_ends_us, hop_starts_us, tumble_end_us, tumble_start_us};
use crate::relation::{UTC, timestamp_type};

/// All of them.
pub fn all() -> Vec<Arc<ScalarUDF>> {
    Function::ALL.iter().map(|function| function.udf()).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    TumbleStart,
    TumbleEnd,
    HopStarts,
    HopEnd,
    CumulateEnds,
}

impl Function {
    const ALL: [Function; 5] =
        [Function::TumbleStart, Function::TumbleEnd, Function::HopStarts, Function::HopEnd, Function::CumulateEnds];

    /// Which one a function is, if it is one.
    pub fn of(udf: &ScalarUDF) -> Option<Function> {
        (udf.inner().as_ref() as &dyn Any).downcast_ref::<Window>().map(|window| window.function)
    }

    pub fn udf(self) -> Arc<ScalarUDF> {
        static FUNCTIONS: LazyLock<Vec<Arc<ScalarUDF>>> =
            LazyLock::new(|| Function::ALL.iter().map(|each| Arc::new(Window::new(*each).into())).collect());
        Arc::clone(&FUNCTIONS[self as usize])
    }

    /// Beside the time.
    fn lengths(self) -> usize {
        match self {
            Function::TumbleStart | Function::TumbleEnd | Function::HopEnd => 1,
            Function::HopStarts | Function::CumulateEnds => 2,
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Window {
    function: Function,
    signature: Signature,
}

impl Window {
    fn new(function: Function) -> Window {
        Window { function, signature: Signature::user_defined(Volatility::Immutable) }
    }

    /// One edge of one window.
    fn edge(&self, time_us: i64, size_us: i64) -> std::result::Result<i64, ArrowError> {
        let edge = match self.function {
            Function::TumbleStart => tumble_start_us(time_us, size_us),
            Function::TumbleEnd => tumble_end_us(time_us, size_us),
            _ => time_us.checked_add(size_us),
        };
        edge.ok_or_else(|| out_of_range(time_us))
    }
}

fn out_of_range(time_us: i64) -> ArrowError {
    ArrowError::ComputeError(format!("the window of time {time_us} us is out of range"))
}

impl ScalarUDFImpl for Window {
    fn name(&self) -> &str {
        match self.function {
            Function::TumbleStart => "tumble_start",
            Function::TumbleEnd => "tumble_end",
            Function::HopStarts => "hop_starts",
            Function::HopEnd => "hop_end",
            Function::CumulateEnds => "cumulate_ends",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let lengths = self.function.lengths();
        match types {
            [DataType::Timestamp(..) | DataType::Date32 | DataType::Null, rest @ ..]
                if rest.len() == lengths && rest.iter().all(|each| *each == DataType::Int64) =>
            {
                Ok([vec![timestamp_type()], vec![DataType::Int64; lengths]].concat())
            }
            _ if lengths == 1 => {
                plan_err!("{} takes a TIMESTAMP and a number of microseconds as BIGINT", self.name())
            }
            _ => plan_err!("{} takes a TIMESTAMP and two numbers of microseconds as BIGINT", self.name()),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.function {
            Function::HopStarts | Function::CumulateEnds => DataType::List(item()),
            _ => timestamp_type(),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = match args.args.as_slice() {
            [ColumnarValue::Array(times), lengths @ ..] if constants(lengths).is_some() => vec![Arc::clone(times)],
            _ => ColumnarValue::values_to_arrays(&args.args)?,
        };
        let result = match (constants(&args.args[1..]), self.function) {
            (Some(lengths), Function::HopStarts) => lists(&arrays[0], &lengths, hop_starts_us)?,
            (Some(lengths), Function::CumulateEnds) => lists(&arrays[0], &lengths, cumulate_ends_us)?,
            (Some(lengths), _) if arrays.len() == 1 => self.edges_of_size(&arrays[0], lengths[0])?,
            (_, Function::HopStarts | Function::CumulateEnds) => {
                return exec_err!("the lengths of {} must be constants", self.name());
            }
            _ => self.edges(&arrays[0], &arrays[1])?,
        };
        let is_one = args.args.iter().all(|each| matches!(each, ColumnarValue::Scalar(_)));
        Ok(if is_one {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?)
        } else {
            ColumnarValue::Array(result)
        })
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        match inputs {
            [time, size] if is_one_value(&size.range) => Ok(time.sort_properties),
            _ => Ok(SortProperties::Unordered),
        }
    }
}

impl Window {
    fn edges_of_size(&self, times: &ArrayRef, size_us: i64) -> Result<ArrayRef> {
        check_length(size_us)?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let edges = times.try_unary::<_, TimestampMicrosecondType, _>(|time_us| self.edge(time_us, size_us))?;
        Ok(Arc::new(edges.with_timezone(UTC)))
    }

    fn edges(&self, times: &ArrayRef, sizes: &ArrayRef) -> Result<ArrayRef> {
        let (times, sizes) = (times.as_primitive::<TimestampMicrosecondType>(), sizes.as_primitive::<Int64Type>());
        let edges = (0..times.len())
            .map(|row| {
                if times.is_null(row) || sizes.is_null(row) {
                    return Ok(None);
                }
                check_length(sizes.value(row))?;
                Ok(Some(self.edge(times.value(row), sizes.value(row))?))
            })
            .collect::<Result<TimestampMicrosecondArray>>()?;
        Ok(Arc::new(edges.with_timezone(UTC)))
    }
}

/// A list of edges for each time, none for a null.
fn lists<I: Iterator<Item = i64>>(
    times: &ArrayRef,
    lengths: &[i64],
    edges: impl Fn(i64, i64, i64) -> Option<I>,
) -> Result<ArrayRef> {
    lengths.iter().try_for_each(|each| check_length(*each))?;
    let &[step_us, size_us] = lengths else { return exec_err!("a step and a size") };
    let times = times.as_primitive::<TimestampMicrosecondType>();
    let mut values: Vec<i64> = Vec::with_capacity(times.len() * (size_us / step_us + 1).clamp(1, 64) as usize);
    let mut counts = Vec::with_capacity(times.len());
    for (row, time_us) in times.values().iter().enumerate() {
        let before = values.len();
        if times.is_valid(row) {
            values.extend(edges(*time_us, step_us, size_us).ok_or_else(|| out_of_range(*time_us))?);
        }
        counts.push(values.len() - before);
    }
    let values = TimestampMicrosecondArray::from(values).with_timezone(UTC);
    let offsets = OffsetBuffer::from_lengths(counts);
    Ok(Arc::new(ListArray::try_new(item(), offsets, Arc::new(values), times.nulls().cloned())?))
}

fn item() -> FieldRef {
    Arc::new(Field::new_list_field(timestamp_type(), true))
}

fn constants(lengths: &[ColumnarValue]) -> Option<Vec<i64>> {
    let lengths = lengths.iter().map(|each| match each {
        ColumnarValue::Scalar(ScalarValue::Int64(value)) => *value,
        _ => None,
    });
    lengths.collect()
}

fn is_one_value(range: &Interval) -> bool {
    !range.lower().is_null() && range.lower() == range.upper()
}

fn check_length(length_us: i64) -> Result<()> {
    if length_us > 0 {
        return Ok(());
    }
    Err(DataFusionError::Execution(format!("the size of a window must be positive, not {length_us} us")))
}
