//! Joins as of a time, of rows in any order, beside a search of all rows that came.

use arrow::array::{Int64Array, TimestampMicrosecondArray};
use arrow::datatypes::{Field, Int64Type, Schema};
use headwater_base::random::Random;
use headwater_query::relation::{UTC, timestamp_type};

use super::*;

/// A row of either side: key, time, when it was known (of versions), a number that tells it apart.
type Made = (i64, i64, i64, i64);

fn schema(names: &[&str], times: std::ops::Range<usize>) -> SchemaRef {
    let field = |(at, name): (usize, &&str)| {
        Field::new(*name, if times.contains(&at) { timestamp_type() } else { DataType::Int64 }, true)
    };
    Arc::new(Schema::new(names.iter().enumerate().map(field).collect::<Vec<_>>()))
}

fn plan(random: &mut Random, expiry: Option<Expiry>, on_close: bool) -> Plan {
    Plan {
        keys: 1,
        left: schema(&["key", "at", "id"], 1..2),
        right: schema(&["key", "at", "known", "value"], 1..3),
        output: schema(&["id", "value"], 0..0),
        strict: random.chance(1, 2),
        is_known_later: true,
        ttl_us: random.chance(1, 2).then_some(15),
        keeps_left: random.chance(1, 2),
        retracts: !on_close,
        expiry,
        on_close,
    }
}

fn batch(schema: &SchemaRef, rows: &[(Made, i64)], is_right: bool) -> Batch {
    let numbers = |of: fn(&Made) -> i64| rows.iter().map(|(row, _)| of(row)).collect::<Vec<i64>>();
    let times =
        |of: fn(&Made) -> i64| Arc::new(TimestampMicrosecondArray::from(numbers(of)).with_timezone(UTC)) as ArrayRef;
    let plain = |of: fn(&Made) -> i64| Arc::new(Int64Array::from(numbers(of))) as ArrayRef;
    let mut columns = vec![plain(|row| row.0), times(|row| row.1)];
    columns.extend(is_right.then(|| times(|row| row.2)));
    columns.push(plain(|row| row.3));
    let weights: Vec<i64> = rows.iter().map(|(_, weight)| *weight).collect();
    let rows = RecordBatch::try_new(SchemaRef::clone(schema), columns).unwrap();
    Batch { weights: Some(weights.into()), ..Batch::insertions(rows) }
}

/// What the join is by its definition.
fn naive(plan: &Plan, left: &[Made], right: &[Made]) -> BTreeMap<(i64, Option<i64>), i64> {
    let mut all = BTreeMap::new();
    for (key, at, _, id) in left {
        let is_there = |row: &&Made| row.0 == *key && row.2 <= *at && (row.1 < *at || row.1 == *at && !plan.strict);
        let last = right.iter().filter(is_there).max_by_key(|row| (row.1, row.2, row.3));
        let last = last.filter(|row| plan.ttl_us.is_none_or(|ttl_us| row.1 >= at - ttl_us));
        if last.is_some() || plan.keeps_left {
            *all.entry((*id, last.map(|row| row.3))).or_insert(0) += 1;
        }
    }
    all
}

fn take(out: Output, given: &mut BTreeMap<(i64, Option<i64>), i64>) {
    for batch in out.batches {
        let (ids, values) = (batch.rows.column(0).as_primitive::<Int64Type>(), batch.rows.column(1));
        for (row, value) in values.as_primitive::<Int64Type>().iter().enumerate() {
            *given.entry((ids.value(row), value)).or_insert(0) += batch.weight(row);
        }
    }
    given.retain(|_, copies| *copies != 0);
}

/// One that begins with what the other has saved.
fn loaded(before: &mut AsofJoin) -> AsofJoin {
    let saved = before.save(Save::All).unwrap().unwrap();
    let mut again = AsofJoin::new(before.plan.clone()).unwrap();
    again.load(&saved).unwrap();
    again
}

#[test]
fn a_left_row_meets_the_last_version_that_was_known_and_still_counts() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let mut join = AsofJoin::new(plan(&mut random, None, false)).unwrap();
        let (mut left, mut right): (Vec<Made>, Vec<Made>) = (Vec::new(), Vec::new());
        let mut given = BTreeMap::new();
        for number in 0..60 {
            let mut row = || {
                let at = random.below(40) as i64;
                let known = at + if random.chance(1, 3) { random.below(20) as i64 } else { 0 };
                ((random.below(3) as i64, at, known, number), random.below(6))
            };
            match row() {
                (row, 0..=1) => {
                    left.push(row);
                    join.push(0, batch(&join.plan.left.clone(), &[(row, 1)], false), &mut Output::default()).unwrap();
                }
                (row, 2..=4) => {
                    right.push(row);
                    join.push(1, batch(&join.plan.right.clone(), &[(row, 1)], true), &mut Output::default()).unwrap();
                }
                _ if !right.is_empty() => {
                    let gone = right.swap_remove(random.below(right.len() as u64) as usize);
                    join.push(1, batch(&join.plan.right.clone(), &[(gone, -1)], true), &mut Output::default()).unwrap();
                }
                _ => {}
            }
            if random.chance(1, 3) {
                let mut out = Output::default();
                join.finish(&[i64::MIN], &mut out).unwrap();
                take(out, &mut given);
                assert_eq!(given, naive(&join.plan, &left, &right), "seed {seed}, {:?}", join.plan);
            }
            if random.chance(1, 10) {
                join.finish(&[i64::MIN], &mut Output::default()).unwrap();
                given = naive(&join.plan, &left, &right);
                join = loaded(&mut join);
            }
        }
    }
}

/// Versions come in the order in which they become known, left rows in that of their times, and both let go.
#[test]
fn what_is_given_once_is_final() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let expiry = Expiry { inputs: vec![0], left_lag_us: 1, right_lag_us: 1 };
        let mut join = AsofJoin::new(plan(&mut random, Some(expiry), true)).unwrap();
        let (mut left, mut right): (Vec<Made>, Vec<Made>) = (Vec::new(), Vec::new());
        let mut given = BTreeMap::new();
        for number in 0..80 {
            let row = (random.below(3) as i64, number, number, number);
            let version = (random.below(3) as i64, number - random.below(25) as i64, number, number);
            if random.chance(1, 2) {
                left.push(row);
                join.push(0, batch(&join.plan.left.clone(), &[(row, 1)], false), &mut Output::default()).unwrap();
            }
            if random.chance(2, 3) {
                right.push(version);
                join.push(1, batch(&join.plan.right.clone(), &[(version, 1)], true), &mut Output::default()).unwrap();
            }
            let mut out = Output::default();
            join.finish(&[number], &mut out).unwrap();
            take(out, &mut given);
            if random.chance(1, 8) {
                join = loaded(&mut join);
            }
        }
        left.extend((0..3).map(|key| (key, 100, 100, 100)));
        let last: Vec<(Made, i64)> = left[left.len() - 3..].iter().map(|row| (*row, 1)).collect();
        join.push(0, batch(&join.plan.left.clone(), &last, false), &mut Output::default()).unwrap();
        let mut out = Output::default();
        join.finish(&[1000], &mut out).unwrap();
        take(out, &mut given);
        assert_eq!(given, naive(&join.plan, &left, &right), "seed {seed}, {:?}", join.plan);
        assert!(join.partitions.iter().all(|partition| partition.left.is_empty() && partition.right.len() <= 1));
    }
}
