//! A query's work, on threads that are there for queries: what computes for long keeps no door from answering.
//!
//! Whoever reads the rows learns at once that a query was ended, also where its work can't be interrupted and goes on
//! for a while; it counts as running until it is over. When the reader goes, the work is told so without a turn of its
//! own, which it might never get.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use super::Query;
use crate::session::QueryResult;
use crate::session::interrupt::Stop;
use crate::{Error, Result};

/// Batches that wait for their reader.
const AHEAD: usize = 1;

/// A batch, or nothing at the end: without that, rows are missing.
type Item = Result<Option<RecordBatch>>;

/// The begin of an answer.
struct First {
    schema: SchemaRef,
    epoch: u64,
    as_of_us: i64,
    rows: Option<RecordBatch>,
    /// Nothing where these are all rows.
    rest: Option<mpsc::Receiver<Item>>,
}

/// Tells the work that nobody waits for it any more.
struct Reader(Stop);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Starts the work, and waits for its first rows.
pub async fn run(
    query: Query,
    threads: Option<&Handle>,
    work: BoxFuture<'static, Result<QueryResult>>,
) -> Result<QueryResult> {
    let (reply, replied) = oneshot::channel();
    let (id, mut end) = (query.id(), query.entry.end.subscribe());
    let reader = Reader(Arc::clone(query.stop()));
    let task = produce(query, work, reply);
    match threads {
        Some(threads) => threads.spawn(task),
        None => tokio::spawn(task),
    };
    let first = tokio::select! {
        biased;
        replied = replied => replied.map_err(|_| lost())??,
        Ok(end) = end.wait_for(Option::is_some) => return Err(end.clone().unwrap_or(Error::Cancelled)),
    };
    let First { schema, epoch, as_of_us, rows, rest } = first;
    let rows = stream::iter(rows.map(Ok));
    let batches = match rest {
        Some(rest) => rows.chain(following(rest, end, reader)).boxed(),
        None => rows.boxed(),
    };
    Ok(QueryResult { schema, epoch, as_of_us, query: Some(id), plan: None, batches })
}

fn following(
    rest: mpsc::Receiver<Item>,
    end: watch::Receiver<Option<Error>>,
    reader: Reader,
) -> BoxStream<'static, Result<RecordBatch>> {
    let next = async |(mut rest, mut end): (mpsc::Receiver<Item>, watch::Receiver<Option<Error>>)| {
        let item = tokio::select! {
            biased;
            Ok(end) = end.wait_for(Option::is_some) => Err(end.clone().unwrap_or(Error::Cancelled)),
            item = rest.recv() => item.unwrap_or_else(|| Err(lost())),
        };
        item.transpose().map(|item| (item, Some((rest, end))))
    };
    stream::unfold((Some((rest, end)), reader), move |(state, reader)| async move {
        match next(state?).await {
            Some((Ok(batch), state)) => Some((Ok(batch), (state, reader))),
            Some((Err(error), _)) => Some((Err(error), (None, reader))),
            None => None,
        }
    })
    .boxed()
}

fn lost() -> Error {
    Error::Internal("the work of a query ended without an answer".to_owned())
}

async fn produce(
    mut query: Query,
    work: BoxFuture<'static, Result<QueryResult>>,
    mut reply: oneshot::Sender<Result<First>>,
) {
    let started = tokio::select! {
        started = query.until_ended(work) => started,
        () = reply.closed() => return,
    };
    let QueryResult { schema, epoch, as_of_us, mut batches, .. } = match started {
        Ok(result) => result,
        Err(error) => return drop(reply.send(Err(error))),
    };
    let first = tokio::select! {
        first = next(&mut query, &mut batches) => first,
        () = reply.closed() => return,
    };
    let rows = match first {
        Ok(rows) => rows,
        Err(error) => return drop(reply.send(Err(error))),
    };
    // Most answers are one batch, and need no way for more.
    let mut second = if rows.is_some() { next(&mut query, &mut batches).now_or_never() } else { Some(Ok(None)) };
    if let Some(Ok(None)) = second {
        return drop(reply.send(Ok(First { schema, epoch, as_of_us, rows, rest: None })));
    }
    let (sender, rest) = mpsc::channel(AHEAD);
    if reply.send(Ok(First { schema, epoch, as_of_us, rows, rest: Some(rest) })).is_err() {
        return;
    }
    loop {
        let item = match second.take() {
            Some(item) => item,
            None => tokio::select! {
                item = next(&mut query, &mut batches) => item,
                () = sender.closed() => return,
            },
        };
        let is_last = !matches!(item, Ok(Some(_)));
        // A reader that does not read keeps nothing once the query is ended.
        let ended = tokio::select! {
            biased;
            sent = sender.send(item) => match sent {
                Ok(()) if !is_last => continue,
                _ => return,
            },
            ended = query.ended() => ended,
        };
        return query.fail(&ended);
    }
}

/// The next batch, counted; nothing at the end, which the query is told of as it is of an error.
async fn next(query: &mut Query, batches: &mut BoxStream<'static, Result<RecordBatch>>) -> Item {
    let item = query.until_ended(batches.next().map(Option::transpose)).await;
    match &item {
        Ok(Some(batch)) => query.count(batch.num_rows()),
        Ok(None) => query.finish(),
        Err(_) => {}
    }
    item
}
