//! Five expectations over rows in memory: seconds for so many rows, best of some runs.
//!
//! usage: checks ROWS

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a measurement, ended by what goes wrong")]

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringViewArray};
use headwater_quality::Suite;
use headwater_sql::{SourceText, Statement};

const SUITE: &str = "CREATE EXPECTATIONS five ON rows (
    column_values_to_not_be_null(amount) WITH (mostly = 0.99),
    column_values_to_be_between(amount, 0, 1000),
    column_values_to_be_in_set(status, ('new', 'paid', 'shipped', 'done')),
    column_values_to_match_regex(email, '^[a-z0-9]+@[a-z]+\\.com$'),
    compound_columns_to_be_unique((customer, seq))
)";
const RUNS: usize = 5;
const BATCH: usize = 8192;

/// Xorshift: the same rows each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// One amount of a thousand is null, all else is as expected.
fn batch(begin: usize, end: usize, rows: usize, dice: &mut Dice) -> RecordBatch {
    let ids = || begin as i64..end as i64;
    let customers: Int64Array = ids().map(|_| Some(dice.below(rows as u64 / 10 + 1) as i64)).collect();
    let amounts: Float64Array =
        ids().map(|_| (dice.below(1000) > 0).then(|| dice.below(100_000) as f64 / 100.0)).collect();
    let status = ["new", "paid", "shipped", "done"];
    let statuses: StringViewArray = ids().map(|_| Some(status[dice.below(4) as usize])).collect();
    let emails: StringViewArray = ids().map(|id| Some(format!("user{id}@example.com"))).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(ids()))),
        ("customer", Arc::new(customers)),
        ("seq", Arc::new(Int64Array::from_iter_values(ids()))),
        ("amount", Arc::new(amounts)),
        ("status", Arc::new(statuses)),
        ("email", Arc::new(emails)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, values)| (name, values, true))).unwrap()
}

fn main() {
    let rows: usize = std::env::args().nth(1).and_then(|rows| rows.parse().ok()).unwrap_or(10_000_000);
    let mut dice = Dice(88_172_645_463_325_252);
    let batches: Vec<RecordBatch> =
        (0..rows).step_by(BATCH).map(|begin| batch(begin, (begin + BATCH).min(rows), rows, &mut dice)).collect();
    let source = SourceText::new("suite.sql", SUITE);
    let parsed = headwater_sql::parse(&source).unwrap().remove(0);
    let Statement::CreateExpectations(create) = &parsed.statement else { panic!("no suite") };
    let suite = Suite::resolve(create, &batches[0].schema(), &source).unwrap();
    let places: Vec<usize> = suite.columns().map(|name| batches[0].schema().index_of(name).unwrap()).collect();
    let ways = std::thread::available_parallelism().map_or(1, usize::from);
    let parts: Vec<Vec<RecordBatch>> = batches
        .chunks(batches.len().div_ceil(ways))
        .map(|part| part.iter().map(|rows| rows.project(&places).unwrap()).collect())
        .collect();
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let began = Instant::now();
        let outcomes = suite.check_parts(parts.clone()).unwrap();
        assert!(outcomes.iter().all(|outcome| outcome.success), "{outcomes:?}");
        best = best.min(began.elapsed().as_secs_f64());
    }
    println!("figure five_checks_in_memory {best:.3} s");
    println!("figure five_checks_rows {:.0} rows/s", rows as f64 / best);
}
