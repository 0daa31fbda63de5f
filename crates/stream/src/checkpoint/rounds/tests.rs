//! State that comes and goes under rounds, read as other lives would.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use headwater_base::random::Random;
use object_store::memory::InMemory;

use super::super::tests::manifest;
use super::super::{Checkpoints, Saved};
use super::*;
use crate::batch::Batch;
use crate::operator::Output;
use crate::operator::multiset::Multiset;
use crate::view::Table;

const OWNERS: [&str; 2] = ["view/0-step", "table/view"];
const SHARE: u64 = 4000;

/// The same numbers, as a step keeps them and as a view does.
struct State {
    step: Multiset,
    table: Table,
    numbers: BTreeSet<i64>,
}

impl State {
    fn new() -> State {
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("number", DataType::Int64, true)]));
        State {
            step: Multiset::new(Arc::clone(&schema)).unwrap(),
            table: Table::new(schema, Vec::new()).unwrap(),
            numbers: BTreeSet::new(),
        }
    }

    fn rows(&self, numbers: &[i64]) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from(numbers.to_vec()));
        RecordBatch::try_new(Arc::clone(self.table.schema()), vec![column]).unwrap()
    }

    /// Numbers that are there go, the others come.
    fn turn(&mut self, numbers: &BTreeSet<i64>) {
        for (goes, weight) in [(true, -1), (false, 1)] {
            let of_kind = numbers.iter().copied().filter(|number| self.numbers.contains(number) == goes);
            let rows = self.rows(&of_kind.collect::<Vec<i64>>());
            let slots = self.step.places(&rows).unwrap();
            if goes {
                self.step.remove(&slots).unwrap();
            } else {
                slots.iter().for_each(|slot| self.step.set(*slot, 1));
            }
            let weights = vec![weight; rows.num_rows()];
            self.table.apply(&[Batch { weights: Some(weights.into()), ..Batch::insertions(rows) }]).unwrap();
        }
        self.numbers = self.numbers.symmetric_difference(numbers).copied().collect();
    }

    fn save(&mut self, which: [Save; 2]) -> Vec<Saved> {
        let saved =
            |at: usize, which, rows| Saved { owner: OWNERS[at].to_owned(), relation: "view".to_owned(), which, rows };
        let of_step = which[0].steps().map(|which| saved(0, which, self.step.save(which).unwrap().unwrap()));
        let of_table = which[1].steps().map(|which| saved(1, which, self.table.save(which).unwrap()));
        of_step.chain(of_table).collect()
    }

    async fn load(checkpoints: &Checkpoints) -> State {
        let mut state = State::new();
        for owner in OWNERS {
            for part in checkpoints.newest().unwrap().parts_of(owner) {
                for rows in checkpoints.load(owner, part).await.unwrap() {
                    match owner == OWNERS[0] {
                        true => state.step.load(&rows).unwrap(),
                        false => state.table.load(&rows).unwrap(),
                    }
                }
            }
        }
        let mut out = Output::default();
        state.step.content(&mut out).unwrap();
        let of = |rows: &RecordBatch| rows.column(0).as_primitive::<Int64Type>().values().to_vec();
        let of_step: BTreeSet<i64> = out.batches.iter().flat_map(|batch| of(&batch.rows)).collect();
        let of_table = state.table.snapshot().rows().unwrap();
        state.numbers = of_table.iter().flat_map(of).collect();
        assert_eq!(of_step, state.numbers);
        state
    }
}

fn lengths(checkpoints: &Checkpoints, owner: &str) -> u64 {
    checkpoints.newest().unwrap().parts_of(owner).iter().map(|part| part.length).sum()
}

/// Numbers come and go between checkpoints; the node ends now and then, in the middle of rounds too.
#[tokio::test]
async fn what_is_written_anew_by_shares_reads_as_it_was() {
    for seed in 1..=3 {
        come_and_go(Random::new(seed)).await;
    }
}

async fn come_and_go(mut random: Random) {
    let open = Checkpoints::open(Arc::new(InMemory::new())).await.unwrap();
    let mut checkpoints = open.with_share_bytes(SHARE);
    let mut state = State::new();
    state.turn(&(0..5000).collect());
    let (mut rounds, mut most) = (0, 0);
    for number in 1..=500 {
        let changes = if number % 100 < 50 { 40 } else { 400 };
        state.turn(&(0..changes).map(|_| random.below(10_000) as i64).collect());
        let which = OWNERS.map(|owner| checkpoints.wanted(owner));
        assert!(number == 1 || !which.contains(&Save::All), "ticks wait for all of the state");
        let ends = which.iter().filter(|which| matches!(which, Save::Share(Share { of, to, .. }) if to == of));
        rounds += ends.count();
        let saved = state.save(which);
        if number > 1 {
            most = saved.iter().map(|saved| saved.rows.num_rows()).max().unwrap().max(most);
        }
        checkpoints.write(manifest(number), saved, |view| view == "view").await.unwrap();
        checkpoints.expire().await.unwrap();
        if random.chance(1, 60) {
            let store = Arc::clone(&checkpoints.store);
            checkpoints = Checkpoints::open(store).await.unwrap().with_share_bytes(SHARE);
            let loaded = State::load(&checkpoints).await;
            assert_eq!(loaded.numbers, state.numbers);
            state = loaded;
        }
    }
    assert!(rounds > 6, "{rounds} rounds came to an end");
    assert!(most < 4000, "{most} rows of {} were taken at once", state.numbers.len());
    let whole = state.save([Save::All; 2]);
    let before = OWNERS.map(|owner| lengths(&checkpoints, owner));
    checkpoints.write(manifest(501), whole, |view| view == "view").await.unwrap();
    for (owner, before) in OWNERS.into_iter().zip(before) {
        let whole = lengths(&checkpoints, owner);
        assert!(before < 10 * whole, "{owner} has {before} bytes, and {whole} would do");
    }
}
