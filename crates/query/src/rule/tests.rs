//! What rules keep, leave and count, against their definition row by row.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use proptest::prelude::*;

use super::*;
use crate::testing::{create_stream, refusals};
use crate::{Error, Result};

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Int64, true)]))
}

fn rules(text: &str) -> Result<RuleSet> {
    let (create, source) = create_stream(&format!("CREATE STREAM s (a BIGINT, b BIGINT, {text})"));
    RuleSet::resolve(&create.rules, &schema(), &source)
}

fn batch(rows: &[(Option<i64>, Option<i64>)]) -> RecordBatch {
    let (a, b): (Vec<_>, Vec<_>) = rows.iter().copied().unzip();
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(a)), Arc::new(Int64Array::from(b))];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn kept(verdicts: &Verdicts, rows: usize) -> Vec<usize> {
    (0..rows).filter(|row| verdicts.keep.as_ref().is_none_or(|keep| keep.value(*row))).collect()
}

#[test]
fn null_passes_and_nothing_is_copied_where_all_pass() {
    let rules = rules("CONSTRAINT positive EXPECT (a > 0) ON VIOLATION QUARANTINE").unwrap();
    let verdicts = rules.evaluate(&batch(&[(Some(1), None), (None, None)])).unwrap();
    assert!(verdicts.keep.is_none() && verdicts.rejected.is_empty());
    let verdicts = rules.evaluate(&batch(&[(Some(0), None), (None, None)])).unwrap();
    assert_eq!(kept(&verdicts, 2), [1]);
    assert_eq!(verdicts.rejected, [Verdict { row: 0, rule: 0, error: None }]);
}

#[test]
fn a_row_on_which_a_condition_fails_is_found() {
    let rules = rules(
        "CONSTRAINT divisor EXPECT (b <> 0) ON VIOLATION DROP,
         CONSTRAINT ratio EXPECT (a / b > 1) ON VIOLATION WARN,
         CONSTRAINT inverse EXPECT (100 / a > 0) ON VIOLATION FAIL",
    );
    let rows = [(Some(4), Some(2)), (Some(4), Some(0)), (Some(2), Some(2)), (Some(0), Some(1)), (Some(200), Some(1))];
    let verdicts = rules.unwrap().evaluate(&batch(&rows)).unwrap();
    assert_eq!(verdicts.dropped, [(0, 1)]);
    assert_eq!(verdicts.warned, [(1, 2)]);
    assert_eq!(verdicts.rejected.len(), 1);
    assert_eq!((verdicts.rejected[0].row, verdicts.rejected[0].rule), (3, 2));
    assert!(verdicts.rejected[0].error.as_ref().unwrap().contains("zero"), "{:?}", verdicts.rejected);
    assert_eq!(verdicts.failed, Some(Verdict { row: 4, rule: 2, error: None }));
    assert_eq!(kept(&verdicts, 5), [0, 2]);
}

#[test]
fn what_is_no_condition_of_one_row_is_refused_where_it_stands() {
    let refused = |text: &str| refusals(rules(&format!("CONSTRAINT r EXPECT ({text}) ON VIOLATION DROP")));
    assert_eq!(refused("a + 1"), ["a rule is a condition, true or false; this is of type BIGINT [a + 1]"]);
    assert_eq!(refused("a > ab"), ["there is no column ab [ab] (the columns here are a, b)"]);
    assert_eq!(refused("a > random()"), ["random cannot be used in a rule [random]"]);
    assert_eq!(
        refused("a > 0 AND now() > '2020-01-01'"),
        ["now cannot be used in a rule [now] (use a time column of the rows)"]
    );
    assert_eq!(refused("a IN (SELECT 1)"), ["a rule cannot hold a subquery [SELECT 1]"]);
    assert_eq!(
        refused("sum(a) > 0"),
        ["a rule is about one row; it cannot use an aggregate or a window function [sum(a) > 0]"]
    );
}

#[test]
fn all_refusals_come_at_once() {
    let both = "CONSTRAINT x EXPECT (c > 0) ON VIOLATION DROP, CONSTRAINT y EXPECT (b) ON VIOLATION WARN";
    let Err(Error::Sql(found)) = rules(both) else { panic!("not refused") };
    assert_eq!(found.0.len(), 2);
}

/// The four actions, in this order, each with a condition of its own.
fn four() -> RuleSet {
    rules(
        "CONSTRAINT w EXPECT (a % 2 = 0) ON VIOLATION WARN,
         CONSTRAINT d EXPECT (a % 3 <> 1) ON VIOLATION DROP,
         CONSTRAINT q EXPECT (b % 5 <> 2) ON VIOLATION QUARANTINE,
         CONSTRAINT f EXPECT (b < 95) ON VIOLATION FAIL,
         CONSTRAINT v EXPECT (b % 2 = 0) ON VIOLATION WARN",
    )
    .unwrap()
}

proptest! {
    #[test]
    fn rows_meet_rules_in_order(rows in prop::collection::vec((prop::option::of(0i64..100), prop::option::of(0i64..100)), 0..40)) {
        let (mut keep, mut warned, mut dropped, mut rejected, mut failed) = (vec![], [0; 5], 0, vec![], None);
        for (row, (a, b)) in rows.iter().enumerate() {
            let is = |value: &Option<i64>, violated: fn(i64) -> bool| value.is_some_and(violated);
            let mut warnings = [0; 5];
            warnings[0] = u64::from(is(a, |a| a % 2 != 0));
            let fate = if is(a, |a| a % 3 == 1) {
                dropped += 1;
                false
            } else if is(b, |b| b % 5 == 2) {
                rejected.push(row);
                false
            } else if is(b, |b| b >= 95) {
                failed = Some(row);
                break;
            } else {
                warnings[4] = u64::from(is(b, |b| b % 2 != 0));
                true
            };
            (0..5).for_each(|rule| warned[rule] += warnings[rule]);
            if fate {
                keep.push(row);
            }
        }
        let verdicts = four().evaluate(&batch(&rows)).unwrap();
        prop_assert_eq!(kept(&verdicts, rows.len()), keep);
        prop_assert_eq!(verdicts.failed.as_ref().map(|verdict| verdict.row), failed);
        prop_assert_eq!(verdicts.rejected.iter().map(|verdict| verdict.row).collect::<Vec<_>>(), rejected);
        prop_assert_eq!(verdicts.dropped.iter().map(|(_, count)| *count).sum::<u64>(), dropped);
        for rule in [0, 4] {
            let found = verdicts.warned.iter().find(|(found, _)| *found == rule).map_or(0, |(_, count)| *count);
            prop_assert_eq!(found, warned[rule]);
        }
    }
}
