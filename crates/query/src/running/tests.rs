//! Limits, counts and ends of queries, over rows that a test gives.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use futures::future::ready;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use headwater_base::clock::ManualClock;

use super::*;
use crate::session::QueryResult;

const ASKER: Asker = Asker { door: "http", user: None, timeout: None };

fn queries(at_once: Option<usize>, timeout: Option<Duration>) -> (Arc<Queries>, Arc<ManualClock>) {
    let clock = ManualClock::at(5_000_000);
    (Arc::new(Queries::new(Limits { at_once, timeout }, Arc::clone(&clock) as Arc<_>)), clock)
}

fn batch() -> Result<RecordBatch> {
    let column: arrow::array::ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
    Ok(RecordBatch::try_from_iter([("n", column)]).unwrap())
}

fn result(batches: BoxStream<'static, Result<RecordBatch>>) -> QueryResult {
    QueryResult { schema: batch().unwrap().schema(), epoch: 1, as_of_us: 0, query: None, plan: None, batches }
}

fn two_then_nothing_more() -> QueryResult {
    result(stream::iter([batch(), batch()]).chain(stream::pending()).boxed())
}

async fn run(queries: &Arc<Queries>, text: &str, result: QueryResult) -> Result<QueryResult> {
    task::run(queries.begin(&ASKER, Kind::Query, text)?, None, ready(Ok(result)).boxed()).await
}

#[tokio::test]
async fn a_query_is_told_of_while_it_runs_and_after() {
    let (queries, clock) = queries(None, None);
    let query = queries.begin(&ASKER, Kind::Query, &"é".repeat(TEXT_MAX + 1)).unwrap();
    clock.advance(Duration::from_millis(7));
    let told = queries.list().remove(0);
    assert_eq!((told.id, told.state, told.started_us, told.duration.as_millis()), (1, State::Running, 5_000_000, 7));
    assert_eq!(told.text.chars().count(), TEXT_MAX + 1);
    let rows = result(stream::iter([batch(), batch()]).boxed());
    let result = task::run(query, None, ready(Ok(rows)).boxed()).await.unwrap();
    assert_eq!(result.query, Some(1));
    assert_eq!(result.collect().await.unwrap().len(), 2);
    let mut failing = queries.begin(&ASKER, Kind::Query, "two").unwrap();
    failing.fail(&Error::Execution("no".to_owned()));
    drop(failing);
    drop(queries.begin(&ASKER, Kind::Query, "three").unwrap());
    let told: Vec<_> = queries.list().into_iter().map(|told| (told.id, told.state, told.rows, told.error)).collect();
    let expected =
        [(3, State::Cancelled, 0, None), (2, State::Failed, 0, Some("no".to_owned())), (1, State::Done, 4, None)];
    assert_eq!((told, queries.running()), (expected.to_vec(), 0));
    assert_eq!(queries.counts().len(), 3);
}

#[tokio::test]
async fn no_more_run_at_once_than_may() {
    let (queries, _) = queries(Some(2), None);
    let _one = queries.begin(&ASKER, Kind::Query, "one").unwrap();
    let two = queries.begin(&ASKER, Kind::Query, "two").unwrap();
    let refused = queries.begin(&ASKER, Kind::Query, "three").err().unwrap();
    assert_eq!(refused.to_string(), "2 queries run already, and no more may at one time");
    assert!(queries.begin(&ASKER, Kind::Change, "a change is not counted").is_ok());
    drop(two);
    assert!(queries.begin(&ASKER, Kind::Query, "three").is_ok());
}

#[tokio::test]
async fn a_cancelled_query_ends_whether_it_is_read_or_not() {
    let (queries, _) = queries(None, None);
    let alive = Arc::new(());
    let holds = Arc::clone(&alive);
    let rows = stream::pending().inspect(move |_: &Result<RecordBatch>| drop(Arc::clone(&holds))).boxed();
    let unread = run(&queries, "unread", result(stream::iter([batch(), batch(), batch()]).chain(rows).boxed())).await;
    queries.cancel(1).unwrap();
    while Arc::strong_count(&alive) > 1 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(unread.unwrap().collect().await, Err(Error::Cancelled)));

    let mut read = run(&queries, "read", two_then_nothing_more()).await.unwrap();
    assert!(read.batches.try_next().await.unwrap().is_some());
    assert!(read.batches.try_next().await.unwrap().is_some());
    let waiting = tokio::spawn(async move { read.batches.try_next().await });
    tokio::task::yield_now().await;
    queries.cancel(2).unwrap();
    assert!(matches!(waiting.await.unwrap(), Err(Error::Cancelled)));

    let mut planning = queries.begin(&ASKER, Kind::Query, "planning").unwrap();
    queries.cancel(3).unwrap();
    let ended = planning.until_ended(std::future::pending::<Result<()>>()).await;
    assert!(matches!(ended, Err(Error::Cancelled)));
    assert_eq!(queries.cancel(2), Err(Refused::Unknown));
    let _change = queries.begin(&ASKER, Kind::Change, "a change").unwrap();
    assert_eq!(queries.cancel(4), Err(Refused::Change));
}

#[tokio::test]
async fn a_query_that_takes_too_long_ends() {
    let (queries, _) = queries(None, Some(Duration::from_millis(5)));
    let query = queries.begin(&ASKER, Kind::Query, "default").unwrap();
    let result = task::run(query, None, ready(Ok(two_then_nothing_more())).boxed()).await.unwrap();
    let error = result.collect().await.unwrap_err();
    assert_eq!(error.to_string(), "the query took longer than 5ms");
    let patient = Asker { timeout: Some(Duration::ZERO), ..ASKER };
    let mut query = queries.begin(&patient, Kind::Query, "for ever").unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(query.until_ended(std::future::ready(Ok(()))).await.is_ok());
    let told = queries.list().pop().unwrap();
    assert_eq!(
        (told.state, told.rows, told.error.as_deref()),
        (State::Failed, 4, Some("the query took longer than 5ms"))
    );
}
