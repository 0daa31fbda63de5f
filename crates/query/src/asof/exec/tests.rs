//! Against a join that compares each left row with each right one, over many made inputs, planned as queries are.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray, downcast_array,
};
use arrow::datatypes::{Field, Int64Type, Schema, TimestampMicrosecondType};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::SessionState;
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, col, lit};
use datafusion::physical_plan::{collect, displayable};
use headwater_base::random::Random;

use super::super::node::AsofJoin;
use crate::relation::UTC;
use crate::session::state::{config, state};

#[derive(Debug, Clone)]
struct Left {
    id: i64,
    number: Option<i64>,
    text: Option<&'static str>,
    time: Option<i64>,
}

/// In the order of its columns, as rows of one time are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    amount: Option<i64>,
    note: Option<String>,
    number: Option<i64>,
    text: Option<String>,
    time: Option<i64>,
    known: Option<i64>,
}

#[derive(Debug, Clone)]
struct Case {
    left: Vec<Left>,
    right: Vec<Right>,
    by_number: bool,
    by_text: bool,
    strict: bool,
    keeps_left: bool,
    is_known: bool,
    ttl_us: Option<i64>,
    /// Of left rows: a number that is no less than this.
    numbers_from: Option<i64>,
}

const TEXTS: [&str; 3] = ["a", "a longer one than twelve", ""];

impl Case {
    fn made(random: &mut Random) -> Case {
        let (most_left, most_right) = (1 + random.below(60), 1 + random.below(200));
        let (numbers, times) = (1 + random.below(6), 1 + random.below(40));
        let number = |random: &mut Random| maybe(random, |random| random.below(numbers) as i64);
        let time = |random: &mut Random| maybe(random, |random| random.below(times) as i64 - 5);
        let text = |random: &mut Random| maybe(random, |random| TEXTS[random.below(3) as usize]);
        let left = (0..random.below(most_left) as i64)
            .map(|id| Left { id, number: number(random), text: text(random), time: time(random) })
            .collect();
        let right = (0..random.below(most_right))
            .map(|_| Right {
                amount: maybe(random, |random| random.below(3) as i64),
                note: text(random).map(str::to_owned),
                number: number(random),
                text: text(random).map(str::to_owned),
                time: time(random),
                known: time(random),
            })
            .collect();
        Case {
            left,
            right,
            by_number: random.below(4) > 0,
            by_text: random.below(3) == 0,
            strict: random.below(2) == 0,
            keeps_left: random.below(2) == 0,
            is_known: random.below(2) == 0,
            ttl_us: (random.below(2) == 0).then(|| random.below(10) as i64),
            numbers_from: (random.below(4) == 0).then(|| random.below(4) as i64),
        }
    }

    fn meets(&self, left: &Left, right: &Right) -> bool {
        let keys = (!self.by_number || (left.number.is_some() && left.number == right.number))
            && (!self.by_text || (left.text.is_some() && left.text == right.text.as_deref()));
        let (Some(at), Some(time)) = (left.time, right.time) else { return false };
        let is_known = !self.is_known || right.known.is_some_and(|known| known <= at);
        keys && is_known && if self.strict { time < at } else { time <= at }
    }

    fn naive(&self) -> Vec<(i64, Option<Right>)> {
        let rank = |right: &Right| (right.time, right.known.filter(|_| self.is_known));
        let mut rows = Vec::new();
        for left in self.left.iter().filter(|left| self.numbers_from.is_none_or(|from| left.number >= Some(from))) {
            let met = self.right.iter().filter(|right| self.meets(left, right));
            let last = met.max_by(|one, other| rank(one).cmp(&rank(other)).then_with(|| one.cmp(other)));
            let last =
                last.filter(|last| self.ttl_us.is_none_or(|ttl_us| last.time >= left.time.map(|at| at - ttl_us)));
            if last.is_some() || self.keeps_left {
                rows.push((left.id, last.cloned()));
            }
        }
        rows
    }

    fn plan(&self, random: &mut Random) -> LogicalPlan {
        let (left, right) = (table("l", left_batch(&self.left), random), table("r", right_batch(&self.right), random));
        let keys = [("number", self.by_number), ("text", self.by_text)].into_iter().filter(|(_, is_key)| *is_key);
        let on = keys.map(|(name, _)| (col(format!("l.{name}")), col(format!("r.{name}")))).collect();
        let join = AsofJoin::new((left, right), on, (col("l.time"), col("r.time")), self.strict, self.keeps_left);
        let join = join.unwrap().with_point_in_time(self.is_known.then(|| col("r.known")), self.ttl_us).unwrap();
        let plan = LogicalPlanBuilder::from(join.plan());
        match self.numbers_from {
            Some(from) => plan.filter(col("l.number").gt_eq(lit(from))).unwrap().build().unwrap(),
            None => plan.build().unwrap(),
        }
    }
}

/// Nothing, now and then.
fn maybe<T>(random: &mut Random, value: impl Fn(&mut Random) -> T) -> Option<T> {
    (random.below(8) > 0).then(|| value(random))
}

fn left_batch(rows: &[Left]) -> RecordBatch {
    batch(vec![
        ("id", Arc::new(rows.iter().map(|row| row.id).collect::<Int64Array>())),
        ("number", Arc::new(rows.iter().map(|row| row.number).collect::<Int64Array>())),
        ("text", Arc::new(rows.iter().map(|row| row.text).collect::<StringViewArray>())),
        ("time", times(rows.iter().map(|row| row.time))),
    ])
}

fn right_batch(rows: &[Right]) -> RecordBatch {
    batch(vec![
        ("amount", Arc::new(rows.iter().map(|row| row.amount).collect::<Int64Array>())),
        ("note", Arc::new(rows.iter().map(|row| row.note.as_deref()).collect::<StringViewArray>())),
        ("number", Arc::new(rows.iter().map(|row| row.number).collect::<Int64Array>())),
        ("text", Arc::new(rows.iter().map(|row| row.text.as_deref()).collect::<StringViewArray>())),
        ("time", times(rows.iter().map(|row| row.time))),
        ("known", times(rows.iter().map(|row| row.known))),
    ])
}

fn times(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<TimestampMicrosecondArray>().with_timezone(UTC))
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> =
        columns.iter().map(|(name, values)| Field::new(*name, values.data_type().clone(), true)).collect();
    let values = columns.into_iter().map(|(_, values)| values).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), values).unwrap()
}

/// A table of those rows in some parts of some batches.
fn table(name: &str, rows: RecordBatch, random: &mut Random) -> LogicalPlan {
    let mut parts = vec![Vec::new(); 1 + random.below(3) as usize];
    let mut from = 0;
    while from < rows.num_rows() {
        let some = rows.num_rows().min(from + 1 + random.below(rows.num_rows() as u64) as usize) - from;
        let part = random.below(parts.len() as u64) as usize;
        parts[part].push(rows.slice(from, some));
        from += some;
    }
    let table = MemTable::try_new(rows.schema(), parts).unwrap();
    LogicalPlanBuilder::scan(name, provider_as_source(Arc::new(table)), None).unwrap().build().unwrap()
}

fn session(ways: usize, batch_rows: usize, runtime: Arc<RuntimeEnv>) -> SessionState {
    state(config().with_target_partitions(ways).with_batch_size(batch_rows), runtime, ExecutionProps::new())
}

async fn holds_left(session: &SessionState, plan: &LogicalPlan) -> bool {
    let planned = session.create_physical_plan(plan).await.unwrap();
    displayable(planned.as_ref()).indent(false).to_string().contains("held=left")
}

async fn rows_of(session: &SessionState, plan: &LogicalPlan) -> Vec<RecordBatch> {
    let planned = session.create_physical_plan(plan).await.unwrap();
    assert!(displayable(planned.as_ref()).indent(false).to_string().contains("AsofJoinExec"));
    collect(planned, session.task_ctx()).await.unwrap()
}

/// Left rows by what they meet, in the order of their numbers.
fn met(batches: &[RecordBatch]) -> Vec<(i64, Option<Right>)> {
    let mut rows = Vec::new();
    for batch in batches {
        let columns = batch.columns();
        let number = |column: usize, row: usize| {
            let values = columns[column].as_primitive::<Int64Type>();
            values.is_valid(row).then(|| values.value(row))
        };
        let text = |column: usize, row: usize| {
            let values: StringViewArray = downcast_array(&columns[column]);
            values.is_valid(row).then(|| values.value(row).to_owned())
        };
        let time = |column: usize, row: usize| {
            let values = columns[column].as_primitive::<TimestampMicrosecondType>();
            values.is_valid(row).then(|| values.value(row))
        };
        for row in 0..batch.num_rows() {
            let right = time(8, row).map(|at| Right {
                amount: number(4, row),
                note: text(5, row),
                number: number(6, row),
                text: text(7, row),
                time: Some(at),
                known: time(9, row),
            });
            rows.push((number(0, row).unwrap(), right));
        }
    }
    rows.sort();
    rows
}

#[tokio::test]
async fn rows_are_those_of_comparing_all_with_all() {
    let mut held = [0, 0];
    for seed in 0..600 {
        let mut random = Random::new(seed);
        let case = Case::made(&mut random);
        let ways = 1 + random.below(4) as usize;
        let batch_rows = 1 + random.below(50) as usize;
        let session = session(ways, batch_rows, Arc::default());
        let plan = case.plan(&mut random);
        held[usize::from(holds_left(&session, &plan).await)] += 1;
        let rows = met(&rows_of(&session, &plan).await);
        assert_eq!(rows, case.naive(), "seed {seed}: {case:?}");
    }
    assert!(held.iter().all(|cases| *cases > 100), "{held:?}");
}

#[tokio::test]
async fn columns_that_nobody_asks_for_still_say_which_row_is_the_last() {
    for seed in 1000..1100 {
        let mut random = Random::new(seed);
        let case = Case::made(&mut random);
        let session = session(1 + random.below(3) as usize, 16, Arc::default());
        let some = LogicalPlanBuilder::from(case.plan(&mut random)).project([col("r.note"), col("l.id")]).unwrap();
        let mut rows = Vec::new();
        for batch in rows_of(&session, &some.build().unwrap()).await {
            let (notes, ids) = (batch.column(0).as_string_view(), batch.column(1).as_primitive::<Int64Type>());
            rows.extend(ids.values().iter().copied().zip(notes.iter().map(|note| note.map(str::to_owned))));
        }
        rows.sort();
        let naive: Vec<_> = case.naive().into_iter().map(|(id, right)| (id, right.and_then(|it| it.note))).collect();
        assert_eq!(rows, naive, "seed {seed}: {case:?}");
    }
}

/// More rows than are sorted, or compared, or kept, in one turn: of one key and of many, at one time and at several.
#[tokio::test]
async fn rows_of_one_key_or_one_time_may_be_many() {
    for (seed, (keys, times)) in [(1, 1), (1, 500), (3, 40), (50_000, 3)].into_iter().enumerate() {
        for is_left_small in [true, false] {
            let (mut random, many) = (Random::new(seed as u64), 100_000);
            let right = (0..if is_left_small { many } else { 20 }).map(|_| Right {
                amount: Some(random.below(1_000_000) as i64),
                note: Some(format!("a note that is not short: {}", random.below(100))),
                number: Some(random.below(keys) as i64),
                text: None,
                time: Some(random.below(times) as i64),
                known: Some(random.below(times) as i64),
            });
            let mut case =
                Case { right: right.collect(), by_number: true, by_text: false, ..Case::made(&mut Random::new(7)) };
            (case.is_known, case.numbers_from, case.ttl_us) = (seed % 2 == 1, None, None);
            let left = |id| Left {
                id,
                number: Some(random.below(keys) as i64),
                text: None,
                time: Some(random.below(times + 2) as i64),
            };
            case.left = (0..if is_left_small { 20 } else { many }).map(left).collect();
            let (session, plan) = (session(2, 8192, Arc::default()), case.plan(&mut random));
            assert_eq!(holds_left(&session, &plan).await, is_left_small);
            assert_eq!(met(&rows_of(&session, &plan).await), case.naive(), "{keys} keys, {times} times");
        }
    }
}

#[tokio::test]
async fn rows_that_do_not_fit_the_memory_are_an_error() {
    let mut case = Case::made(&mut Random::new(3));
    let right = Right { amount: None, note: None, number: Some(1), text: None, time: Some(1), known: None };
    case.right = vec![right; 10_000];
    // As many on the other side: the smaller one would be held.
    case.left = (0..10_000).map(|id| Left { id, number: Some(1), text: None, time: Some(2) }).collect();
    (case.by_number, case.by_text, case.numbers_from) = (true, false, None);
    let pool = Arc::new(GreedyMemoryPool::new(100_000));
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc().unwrap();
    let session = session(1, 1000, runtime);
    let plan = session.create_physical_plan(&case.plan(&mut Random::new(3))).await.unwrap();
    let error = collect(plan, session.task_ctx()).await.unwrap_err().to_string();
    assert!(error.contains("AsofJoin[0]"), "{error}");
}

#[test]
fn conditions_on_left_rows_and_on_keys_go_below_it() {
    let (mut case, mut random) = (Case::made(&mut Random::new(1)), Random::new(1));
    (case.by_number, case.by_text, case.keeps_left, case.numbers_from) = (true, false, true, Some(2));
    let session = session(1, 10, Arc::default());
    let both: Expr = col("l.id").lt(col("r.amount"));
    let plan = LogicalPlanBuilder::from(case.plan(&mut random)).filter(both.and(col("l.id").gt(lit(1_i64)))).unwrap();
    let plan = session.optimize(&plan.build().unwrap()).unwrap().display_indent().to_string();
    let lines: Vec<&str> = plan.lines().map(str::trim_start).collect();
    assert!(lines[0].starts_with("Filter: r.amount > l.id"), "{plan}");
    assert!(lines[1].starts_with("AsofJoin: "), "{plan}");
    let below = lines[2..].join("\n");
    assert!(below.contains("l.number >= Int64(2)") && below.contains("l.id > Int64(1)"), "{plan}");
    assert!(below.contains("r.number >= Int64(2)"), "{plan}");
}
