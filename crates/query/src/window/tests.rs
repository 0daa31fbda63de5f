//! The window functions against a reference that counts windows up and down from the epoch.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimestampMicrosecondType};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{Expr, cast, col, lit};
use proptest::prelude::*;

use super::*;
use crate::relation::{UTC, timestamp_type};
use crate::session::state::planning;

/// By the definition alone: windows are numbered from the epoch, and hold what is not before them nor after.
fn reference(time: i128, size: i128) -> (i128, i128) {
    let mut number = time / size;
    while number * size > time {
        number -= 1;
    }
    while (number + 1) * size <= time {
        number += 1;
    }
    (number * size, (number + 1) * size)
}

fn evaluate(function: Arc<ScalarUDF>, times: Vec<Option<i64>>, size_us: i64) -> Result<Vec<Option<i64>>> {
    let schema = Arc::new(Schema::new(vec![Field::new("at", timestamp_type(), true)]));
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(times).with_timezone(UTC));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![times])?;
    let call = function.call(vec![col("at"), lit(size_us)]);
    let expr = planning().create_physical_expr(call, &DFSchema::try_from(schema)?)?;
    let bounds = expr.evaluate(&batch)?.into_array(batch.num_rows())?;
    assert_eq!(*bounds.data_type(), timestamp_type());
    Ok(bounds.as_primitive::<TimestampMicrosecondType>().iter().collect())
}

proptest! {
    #[test]
    fn every_time_is_in_its_window(
        times in prop::collection::vec(prop::option::of(-4_000_000_000_000_000i64..4_000_000_000_000_000), 0..50),
        size_us in prop_oneof![1i64..100, 1i64..10_000_000, Just(86_400_000_000)],
    ) {
        let starts = evaluate(tumble_start(), times.clone(), size_us).unwrap();
        let ends = evaluate(tumble_end(), times.clone(), size_us).unwrap();
        for ((time, start), end) in times.into_iter().zip(starts).zip(ends) {
            let wanted = time.map(|time| reference(i128::from(time), i128::from(size_us)));
            prop_assert_eq!(start.map(i128::from), wanted.map(|(start, _)| start));
            prop_assert_eq!(end.map(i128::from), wanted.map(|(_, end)| end));
        }
    }
}

#[test]
fn edges_of_windows_and_of_time() {
    assert_eq!((tumble_start_us(0, 10), tumble_end_us(0, 10)), (Some(0), Some(10)));
    assert_eq!((tumble_start_us(-1, 10), tumble_end_us(-1, 10)), (Some(-10), Some(0)));
    assert_eq!((tumble_start_us(-10, 10), tumble_end_us(-10, 10)), (Some(-10), Some(0)));
    assert_eq!(tumble_start_us(i64::MIN, 10), None);
    assert_eq!(tumble_end_us(i64::MAX, 10), None);
    let error = evaluate(tumble_end(), vec![Some(i64::MAX)], 10).unwrap_err();
    assert!(error.to_string().contains("out of range"), "{error}");
    assert!(evaluate(tumble_start(), vec![Some(1)], 0).is_err());
}

#[test]
fn calls_are_found_in_plans() {
    let call = tumble_end().call(vec![col("at"), lit(60_000_000i64)]).alias("window_end");
    let found = Tumble::find(&call).unwrap();
    assert_eq!(found, Tumble { edge: Edge::End, time: col("at"), size_us: 60_000_000 });
    assert_eq!(Tumble::find(&cast(col("at"), DataType::Int64)), None);
    assert_eq!(Tumble::find(&Expr::Literal(ScalarValue::Null, None)), None);
}

#[test]
fn intervals_are_exact_or_refused() {
    let interval = |months, days, nanoseconds| interval_us(&ScalarValue::new_interval_mdn(months, days, nanoseconds));
    assert_eq!(interval(0, 1, 1_000), Ok(86_400_000_001));
    assert_eq!(interval(0, 0, -2_000), Ok(-2));
    assert!(interval(1, 0, 0).is_err());
    assert!(interval(0, 0, 1).is_err());
    assert!(interval_us(&ScalarValue::Int64(Some(1))).is_err());
    assert!(interval_us(&ScalarValue::IntervalMonthDayNano(None)).is_err());
}
