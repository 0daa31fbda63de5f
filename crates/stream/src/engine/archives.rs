//! The archivers of all streams, and the rows of derived streams that wait for their checkpoint before they may be
//! archived.

use std::collections::BTreeMap;
use std::sync::Arc;

use headwater_base::clock::Clock;
use headwater_lake::Lake;
use headwater_log::Log;
use headwater_query::relation::Stream;
use tokio::runtime::Runtime;

use super::Options;
use crate::Result;
use crate::graph::Graph;
use crate::sink::archive::threads::{Thread, WAITING_BYTES_MAX};
use crate::sink::archive::upkeep::{self, Keeper};
use crate::sink::archive::{Archiver, Board, Rows};
use crate::sink::topics::Written;
use crate::worker::input::Taken;

pub struct Archives {
    archivers: BTreeMap<String, Port>,
    board: Board,
    tending: Tending,
    runtime: Option<Arc<Runtime>>,
    /// Appended, but not committed yet: stream and rows, in the order of offsets. Those of the checkpoint that is being
    /// written, and those behind it.
    closed: Vec<(String, Rows)>,
    held: Vec<(String, Rows)>,
    /// One past what was handed over, by derived stream and partition.
    handed: BTreeMap<(String, u32), i64>,
}

/// Who tends the archives.
enum Tending {
    Nobody,
    Thread { _thread: upkeep::Thread },
    Inline(Box<Keeper>),
}

enum Port {
    Thread(Thread),
    Inline(Box<Archiver>),
}

impl Archives {
    /// Streams are not archived.
    pub fn none(board: Board) -> Archives {
        Archives {
            archivers: BTreeMap::new(),
            board,
            tending: Tending::Nobody,
            runtime: None,
            closed: Vec::new(),
            held: Vec::new(),
            handed: BTreeMap::new(),
        }
    }

    pub fn open<'a>(
        streams: impl Iterator<Item = &'a Arc<Stream>>,
        board: Board,
        lake: &Lake,
        log: &Arc<dyn Log>,
        clock: &Arc<dyn Clock>,
        runtime: &Arc<Runtime>,
        options: &Options,
    ) -> Result<Archives> {
        let mut archives = Archives { runtime: Some(Arc::clone(runtime)), ..Archives::none(board) };
        let kept: Vec<Arc<Stream>> = streams.cloned().collect();
        let share = WAITING_BYTES_MAX / kept.len().max(1);
        for stream in &kept {
            let (stream, board, policy) = (Arc::clone(stream), archives.board.clone(), options.archive.clone());
            let name = stream.name.clone();
            let archiver =
                runtime.block_on(Archiver::open(stream, lake, Arc::clone(log), Arc::clone(clock), policy, board))?;
            let port = if options.threads {
                Port::Thread(Thread::start(archiver, Arc::clone(runtime), share)?)
            } else {
                Port::Inline(Box::new(archiver))
            };
            archives.archivers.insert(name, port);
        }
        let upkeep = options.archive.upkeep.clone();
        let keeper = Keeper::new(kept, lake, Arc::clone(clock), archives.board.clone(), upkeep);
        archives.tending = if options.threads {
            Tending::Thread { _thread: upkeep::Thread::start(keeper, Arc::clone(runtime))? }
        } else {
            Tending::Inline(Box::new(keeper))
        };
        Ok(archives)
    }

    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Hands over rows of a declared stream, which are committed before anyone reads them.
    pub fn offer(&mut self, graph: &Graph, taken: Taken) -> Result<()> {
        let stream = &graph.inputs[taken.input].name;
        let Taken { partition, from, next, rows, offsets, timestamps_us, .. } = taken;
        self.hand(stream, Rows { partition, from, next, rows, offsets, timestamps_us })
    }

    /// Keeps rows of a derived stream until [`Archives::release_closed`].
    pub fn hold(&mut self, graph: &Graph, written: Written) {
        if self.archivers.is_empty() {
            return;
        }
        let Written { output, partition, rows, first_offset, timestamp_us, .. } = written;
        let count = rows.num_rows() as i64;
        let next = first_offset + count;
        let stream = &graph.outputs[output].relation;
        let from = self.handed.insert((stream.clone(), partition), next).unwrap_or(first_offset);
        let rows = Rows {
            partition,
            from,
            next,
            rows,
            offsets: (first_offset..next).collect(),
            timestamps_us: vec![timestamp_us; count as usize].into(),
        };
        self.held.push((stream.clone(), rows));
    }

    /// What is held belongs to a checkpoint that is now taken.
    pub fn close_held(&mut self) {
        self.closed.append(&mut self.held);
    }

    /// Hands over what belongs to that, now that it is committed.
    pub fn release_closed(&mut self) -> Result<()> {
        for (stream, rows) in std::mem::take(&mut self.closed) {
            self.hand(&stream, rows)?;
        }
        Ok(())
    }

    fn hand(&mut self, stream: &str, rows: Rows) -> Result<()> {
        match (self.archivers.get_mut(stream), &self.runtime) {
            (Some(Port::Thread(thread)), _) => {
                thread.offer(rows);
                Ok(())
            }
            (Some(Port::Inline(archiver)), Some(runtime)) => runtime.block_on(async {
                archiver.take(rows).await?;
                archiver.commit_if_due().await?;
                if let Tending::Inline(keeper) = &mut self.tending {
                    keeper.step().await;
                }
                Ok(())
            }),
            _ => Ok(()),
        }
    }

    /// Says up to where each stream is committed.
    pub fn until(&mut self, ends: BTreeMap<String, Arc<[i64]>>) {
        for (stream, ends) in ends {
            if let Some(Port::Thread(thread)) = self.archivers.get(&stream) {
                thread.until(ends);
            }
        }
    }

    /// Commits all before the given offsets.
    pub fn flush(&mut self, ends: BTreeMap<String, Arc<[i64]>>) -> Result<()> {
        for (stream, ends) in ends {
            match (self.archivers.get_mut(&stream), &self.runtime) {
                (Some(Port::Thread(thread)), _) => thread.flush(ends)?,
                (Some(Port::Inline(archiver)), Some(runtime)) => runtime.block_on(async {
                    archiver.catch_up(&ends).await?;
                    archiver.commit().await
                })?,
                _ => {}
            }
        }
        Ok(())
    }
}
