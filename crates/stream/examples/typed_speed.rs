//! Speed of dataflows on one core over rows that are Arrow already, made as they go: no log, no decoder, and a sink that
//! counts. What Flink's `datagen` connector and its `blackhole` are for Flink.
//!
//! `cargo run --release -p headwater-stream --example typed_speed [EVENTS [QUERY…]]`

#[path = "shared/compile.rs"]
mod compile;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
use compile::compile;
use headwater_base::clock::SystemClock;
use headwater_base::random::Random;
use headwater_query::relation::UTC;
use headwater_stream::Batch;
use headwater_stream::batch::Origin;
use headwater_stream::graph::{Graph, Step, Upstream};
use headwater_stream::operator::{Operator, Output};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const BIDS: &str = "CREATE STREAM bids (auction BIGINT, bidder BIGINT, price BIGINT, date_time TIMESTAMP NOT NULL,
    WATERMARK FOR date_time AS date_time - INTERVAL '4 seconds') WITH (format = 'json');";

const QUERIES: [(&str, &str); 8] = [
    ("q0", "CREATE MATERIALIZED VIEW out AS SELECT auction, bidder, price, date_time FROM bids"),
    ("q1", "CREATE MATERIALIZED VIEW out AS SELECT auction, bidder, 0.908 * price AS price, date_time FROM bids"),
    ("q2", include_str!("../../../bench/bids/queries/q2.sql")),
    ("q5_count", include_str!("../../../bench/bids/queries/q5_count.sql")),
    ("q7_max", include_str!("../../../bench/bids/queries/q7_max.sql")),
    ("q12_bidder", include_str!("../../../bench/bids/queries/q12_bidder.sql")),
    ("tumble_agg", include_str!("../../../bench/bids/queries/tumble_agg.sql")),
    ("running", include_str!("../../../bench/bids/queries/running.sql")),
];

const BATCH_ROWS: u64 = 8_192;
const BATCHES_A_TICK: u64 = 4;
const REPEATS: usize = 3;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let events: u64 = arguments.next().map_or(Ok(20_000_000), |text| text.parse())?;
    let wanted: Vec<String> = arguments.collect();
    for (name, query) in QUERIES {
        if !wanted.is_empty() && !wanted.iter().any(|each| each == name) {
            continue;
        }
        let (_, graph) = compile(&format!("{BIDS}\n{query};"))?;
        let mut best = 0.0_f64;
        let mut given = 0;
        for _ in 0..REPEATS {
            let clock = SystemClock::shared();
            let began = clock.elapsed();
            given = run(&graph, events)?;
            best = best.max(events as f64 / (clock.elapsed() - began).as_secs_f64());
        }
        println!("figure typed_{name} {best:.0} events/s");
        println!("figure typed_{name}_rows {given} rows");
    }
    Ok(())
}

/// Ten events a millisecond, auctions and bidders drawn evenly from 10,000.
fn bids(from: u64, random: &mut Random) -> Result<RecordBatch> {
    let times: Vec<i64> = (from..from + BATCH_ROWS).map(|number| 1_700_000_000_000_000 + number as i64 * 100).collect();
    let mut drawn = |least: u64, number: u64| -> ArrayRef {
        Arc::new((0..BATCH_ROWS).map(|_| (least + random.below(number)) as i64).collect::<Int64Array>())
    };
    let (auctions, bidders, prices) = (drawn(0, 10_000), drawn(0, 10_000), drawn(100, 99_999_901));
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(times).with_timezone(UTC));
    Ok(RecordBatch::try_from_iter([
        ("auction", auctions),
        ("bidder", bidders),
        ("price", prices),
        ("date_time", times),
    ])?)
}

/// How many rows the view gave.
fn run(graph: &Graph, events: u64) -> Result<u64> {
    let mut operators = Vec::new();
    for node in 0..graph.nodes.len() {
        operators.push(graph.operator(node, 0, 1)?);
    }
    let mut random = Random::new(1);
    let (mut given, mut from, mut watermark_us) = (0, 0, i64::MIN);
    while from < events {
        let mut read = Vec::new();
        for _ in 0..BATCHES_A_TICK {
            let rows = bids(from, &mut random)?;
            let known = vec![watermark_us; rows.num_rows()];
            let offsets = (from as i64..).take(rows.num_rows()).collect();
            let origin = Origin { input: 0, partition: 0, offsets, watermarks: known.into() };
            read.push(Batch { origin: Some(origin), ..Batch::insertions(rows) });
            from += BATCH_ROWS;
        }
        watermark_us = 1_700_000_000_000_000 + (from as i64 - 1) * 100 - 4_000_000;
        given += tick(graph, &mut operators, read, &[watermark_us])?;
    }
    Ok(given)
}

fn tick(
    graph: &Graph,
    operators: &mut [Option<Box<dyn Operator>>],
    read: Vec<Batch>,
    watermarks_us: &[i64],
) -> Result<u64> {
    let mut results: Vec<Vec<Batch>> = Vec::with_capacity(operators.len());
    let of = |from: &Upstream, results: &[Vec<Batch>]| match from {
        Upstream::Input(_) => read.clone(),
        Upstream::Node(node) => results[*node].clone(),
    };
    for (node, operator) in graph.nodes.iter().zip(operators) {
        let mut output = Output::default();
        match operator {
            None if matches!(node.step, Step::Exchange { .. }) => output.batches = of(&node.reads[0], &results),
            None => return Err("a step without its operator".into()),
            Some(operator) => {
                for (port, from) in node.reads.iter().enumerate() {
                    for batch in of(from, &results) {
                        operator.push(port, batch, &mut output)?;
                    }
                }
                operator.finish(watermarks_us, &mut output)?;
            }
        }
        results.push(output.batches);
    }
    let outputs = graph.outputs.iter().flat_map(|output| of(&output.from, &results));
    Ok(outputs.map(|batch| batch.len() as u64).sum())
}
