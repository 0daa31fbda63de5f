//! The thread that appends requests with keys. What waits for it while a transaction is made durable goes into the
//! next one together, so that many requests share its syncs.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use headwater_base::ErrorKind;
use headwater_log::{Batch, Builder, Log, Writer};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::{Claim, TOPIC};
use crate::Problem;
use crate::ingest::extend;

/// The writer's name in the log.
const WRITER: &str = "gateway.keys";

/// Requests of one transaction, by number and by size of their rows.
const REQUESTS_MAX: usize = 1000;
const BYTES_MAX: usize = 32 << 20;

/// The offsets that each partition got.
pub type Offsets = [(u32, Range<i64>)];

/// A request to append.
pub struct Work {
    pub claim: Claim,
    pub topic: String,
    pub batches: Vec<(u32, Batch)>,
    pub now_ms: i64,
    /// Makes the body of the answer.
    pub answer: Box<dyn FnOnce(&Offsets) -> String + Send>,
    /// Its share of the memory for requests.
    pub held: OwnedSemaphorePermit,
}

/// Gets the body of the answer.
pub type Reply = oneshot::Sender<Result<String, Problem>>;

/// A request whose rows and key are in the open transaction.
struct Appended {
    claim: Claim,
    answer: String,
    /// Of its key's record.
    offset: i64,
    now_ms: i64,
}

/// The thread ends when no one can send work any more.
pub fn start(log: Arc<dyn Log>, queue: mpsc::UnboundedReceiver<(Work, Reply)>) -> io::Result<()> {
    std::thread::Builder::new().name("append-keys".to_owned()).spawn(move || run(log.as_ref(), queue)).map(drop)
}

fn run(log: &dyn Log, mut queue: mpsc::UnboundedReceiver<(Work, Reply)>) {
    let mut writer: Option<Box<dyn Writer>> = None;
    while let Some((first, reply)) = queue.blocking_recv() {
        let mut bytes = size(&first);
        let (mut group, mut replies) = (vec![first], vec![reply]);
        while bytes < BYTES_MAX && group.len() < REQUESTS_MAX {
            let Ok((next, reply)) = queue.try_recv() else { break };
            bytes += size(&next);
            group.push(next);
            replies.push(reply);
        }
        match commit(log, &mut writer, group) {
            Ok(done) => {
                for (Appended { claim, answer, offset, now_ms }, reply) in done.into_iter().zip(replies) {
                    claim.kept(offset, now_ms);
                    // The key of a client that has gone is known all the same.
                    let _ = reply.send(Ok(answer));
                }
            }
            Err(error) => refuse(&error, replies),
        }
    }
}

fn size(work: &Work) -> usize {
    work.batches.iter().map(|(_, batch)| batch.as_bytes().len()).sum()
}

/// Nobody of a group that failed knows what became of it; with its key, each can ask again.
fn refuse(error: &headwater_log::Error, replies: Vec<Reply>) {
    tracing::error!(%error, "requests with keys could not be appended");
    let message = format!("the rows could not be appended: {error}; they may be there or not");
    let problem = Problem::new(ErrorKind::Unavailable, message);
    let problem = problem.with_hint("send the request again with the same key");
    for reply in replies {
        let _ = reply.send(Err(problem.clone()));
    }
}

/// One transaction: all of the group, or nothing. After an error the writer is given up, which aborts what it left
/// open.
fn commit(
    log: &dyn Log,
    writer: &mut Option<Box<dyn Writer>>,
    group: Vec<Work>,
) -> headwater_log::Result<Vec<Appended>> {
    let mut open = match writer.take() {
        Some(open) => open,
        None => log.open_writer(WRITER)?,
    };
    let done = group.into_iter().map(|work| append(open.as_mut(), work)).collect::<headwater_log::Result<Vec<_>>>()?;
    open.commit_now(Bytes::new())?;
    *writer = Some(open);
    Ok(done)
}

fn append(writer: &mut dyn Writer, work: Work) -> headwater_log::Result<Appended> {
    let Work { claim, topic, batches, now_ms, answer, held: _held } = work;
    let mut offsets: Vec<(u32, Range<i64>)> = Vec::new();
    for (partition, batch) in batches {
        extend(&mut offsets, partition, writer.append(&topic, partition, batch)?);
    }
    offsets.sort_unstable_by_key(|(partition, _)| *partition);
    let answer = answer(&offsets);
    let mut builder = Builder::new();
    builder.push(None, Some(&claim.record(&answer)), now_ms);
    let range = writer.append(TOPIC, 0, builder.build())?;
    Ok(Appended { claim, answer, offset: range.start, now_ms })
}
