//! The window functions against a reference that counts windows up and down from the epoch.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimestampMicrosecondType};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::{Expr, cast, col, lit};
use proptest::prelude::*;

use super::functions::Function;
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

fn evaluate(function: Function, times: Vec<Option<i64>>, size_us: i64) -> Result<Vec<Option<i64>>> {
    let edges = call(function, times, &[size_us])?;
    assert_eq!(*edges.data_type(), timestamp_type());
    Ok(edges.as_primitive::<TimestampMicrosecondType>().iter().collect())
}

/// Lists of edges.
fn lists(function: Function, times: Vec<Option<i64>>, step_us: i64, size_us: i64) -> Result<Vec<Option<Vec<i64>>>> {
    let lists = call(function, times, &[step_us, size_us])?;
    let values = |list: ArrayRef| list.as_primitive::<TimestampMicrosecondType>().values().to_vec();
    Ok(lists.as_list::<i32>().iter().map(|list| list.map(values)).collect())
}

fn call(function: Function, times: Vec<Option<i64>>, lengths: &[i64]) -> Result<ArrayRef> {
    let schema = Arc::new(Schema::new(vec![Field::new("at", timestamp_type(), true)]));
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(times).with_timezone(UTC));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![times])?;
    let lengths = lengths.iter().map(|each| lit(*each));
    let call = function.udf().call(std::iter::once(col("at")).chain(lengths).collect());
    let expr = planning().create_physical_expr(call, &DFSchema::try_from(schema)?)?;
    expr.evaluate(&batch)?.into_array(batch.num_rows())
}

proptest! {
    #[test]
    fn every_time_is_in_its_window(
        times in prop::collection::vec(prop::option::of(-4_000_000_000_000_000i64..4_000_000_000_000_000), 0..50),
        size_us in prop_oneof![1i64..100, 1i64..10_000_000, Just(86_400_000_000)],
    ) {
        let starts = evaluate(Function::TumbleStart, times.clone(), size_us).unwrap();
        let ends = evaluate(Function::TumbleEnd, times.clone(), size_us).unwrap();
        for ((time, start), end) in times.into_iter().zip(starts).zip(ends) {
            let wanted = time.map(|time| reference(i128::from(time), i128::from(size_us)));
            prop_assert_eq!(start.map(i128::from), wanted.map(|(start, _)| start));
            prop_assert_eq!(end.map(i128::from), wanted.map(|(_, end)| end));
        }
    }

    #[test]
    fn every_time_is_in_all_its_windows(
        times in prop::collection::vec(prop::option::of(-40_000i64..40_000), 0..20),
        slide_us in 1i64..50,
        slides in 1i64..6,
        odd_us in 0i64..50,
    ) {
        let size_us = (slide_us * slides - odd_us).max(1);
        let hops = lists(Function::HopStarts, times.clone(), slide_us, size_us).unwrap();
        for (time, starts) in times.iter().zip(hops) {
            let all = (-50_000 / slide_us..50_000 / slide_us).map(|number| number * slide_us);
            let wanted = time.map(|time| all.filter(|start| *start <= time && time < start + size_us).collect::<Vec<_>>());
            prop_assert_eq!(starts, wanted, "{:?} in hops of {} by {}", time, size_us, slide_us);
        }
        let size_us = slide_us * slides;
        let grown = lists(Function::CumulateEnds, times.clone(), slide_us, size_us).unwrap();
        for (time, ends) in times.iter().zip(grown) {
            let wanted = time.map(|time| {
                let (start, _) = reference(time.into(), size_us.into());
                let all = (1..=slides).map(|steps| start as i64 + steps * slide_us);
                all.filter(|end| time < *end).collect::<Vec<_>>()
            });
            prop_assert_eq!(ends, wanted, "{:?} in windows of {} by {}", time, size_us, slide_us);
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
    let error = evaluate(Function::TumbleEnd, vec![Some(i64::MAX)], 10).unwrap_err();
    assert!(error.to_string().contains("out of range"), "{error}");
    assert!(evaluate(Function::TumbleStart, vec![Some(1)], 0).is_err());
    for function in [Function::HopStarts, Function::CumulateEnds] {
        for time in [i64::MIN, i64::MAX] {
            let error = lists(function, vec![Some(time)], 5, 10).unwrap_err();
            assert!(error.to_string().contains("out of range"), "{error}");
        }
        assert!(lists(function, vec![Some(1)], 0, 10).is_err() && lists(function, vec![Some(1)], 1, -1).is_err());
    }
}

#[test]
fn calls_are_found_in_plans() {
    let end = Function::TumbleEnd.udf().call(vec![col("at"), lit(60_000_000i64)]).alias("window_end");
    let edge = |size_us, end_after_us| Some(Call::Edge { time: col("at"), size_us, end_after_us });
    assert_eq!(Call::find(&end), edge(60_000_000, 0));
    let starts = Function::HopStarts.udf().call(vec![col("at"), lit(2i64), lit(10i64)]);
    assert_eq!(Call::find(&starts), edge(10, 10));
    let end = Function::HopEnd.udf().call(vec![col("window_start"), lit(10i64)]);
    assert_eq!(Call::find(&end), Some(Call::End { start: col("window_start"), size_us: 10 }));
    assert_eq!(Call::find(&cast(col("at"), DataType::Int64)), None);
    assert_eq!(Call::find(&Expr::Literal(ScalarValue::Null, None)), None);
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
