//! Transactions after an end of any kind: what the journal decided is completed, what nobody prepared is void.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::Inner;
use super::journal::entry::{Entry, Span};
use super::journal::state::State;
use super::lock::{exclusive, shared};
use super::partition::Partition;
use crate::batch::Producer;
use crate::batch::control::Marker;
use crate::{Error, Result};

impl Inner {
    /// Makes a decision, which the journal holds already, visible in all partitions at once, and writes the markers.
    pub(super) fn finish(&self, producer: Producer, spans: &[Span], committed: bool) {
        let parts: Vec<(Arc<Partition>, Range<i64>)> = spans
            .iter()
            .filter_map(|span| Some((self.partition_by_id(span.topic, span.partition)?, span.start..span.end)))
            .collect();
        {
            let _deciding = exclusive(&self.shared.deciding);
            for (partition, span) in &parts {
                partition.decide(producer, span.clone(), committed);
            }
        }
        for (partition, _) in &parts {
            // Should this fail, the partition is out of use, and recovery writes the marker: the decision stands.
            let _ = partition.mark(producer, if committed { Marker::Commit } else { Marker::Abort });
        }
        if !parts.is_empty() {
            self.shared.watchers.notify();
        }
    }
}

/// Brings partitions in line with the journal, and the journal in line with what was never prepared.
pub(super) fn resolve(inner: &Inner, state: &State) -> Result<()> {
    // By producer, where it has records without a marker.
    let mut unmarked: BTreeMap<Producer, Vec<Span>> = BTreeMap::new();
    for topic in shared(&inner.topics).by_name.values() {
        for partition in &topic.partitions {
            for (producer, range) in partition.open_transactions() {
                unmarked.entry(producer).or_default().push(Span {
                    topic: topic.id,
                    partition: partition.number,
                    start: range.start,
                    end: range.end,
                });
            }
        }
    }
    for transaction in state.writers.values().filter_map(|writer| writer.in_doubt.as_ref()) {
        for span in &transaction.spans {
            if let Some(partition) = inner.partition_by_id(span.topic, span.partition) {
                partition.keep_open(transaction.producer, span.start..span.end);
            }
        }
        // An earlier transaction of the same producer may have lost its marker elsewhere.
        if let Some(found) = unmarked.get_mut(&transaction.producer) {
            found.retain(|open| holds(&transaction.spans, open).is_none());
        }
    }
    for (producer, spans) in &state.aborted {
        for span in spans {
            if let Some(partition) = inner.partition_by_id(span.topic, span.partition) {
                partition.void(*producer, span.start..span.end);
            }
        }
        complete(inner, &mut unmarked, *producer, spans, Marker::Abort);
    }
    for (producer, spans) in &state.committed {
        complete(inner, &mut unmarked, *producer, spans, Marker::Commit);
    }
    unmarked.retain(|_, spans| !spans.is_empty());
    abort_rest(inner, state, unmarked)
}

/// Ends a decided transaction where its marker is missing.
fn complete(
    inner: &Inner,
    unmarked: &mut BTreeMap<Producer, Vec<Span>>,
    producer: Producer,
    decided: &[Span],
    marker: Marker,
) {
    let Some(found) = unmarked.get_mut(&producer) else { return };
    found.retain(|open| {
        let is_it = |span: &&Span| {
            (span.topic, span.partition) == (open.topic, open.partition) && (span.start..span.end).contains(&open.start)
        };
        let Some(span) = decided.iter().find(is_it) else { return true };
        if let Some(partition) = inner.partition_by_id(span.topic, span.partition) {
            // The aborted ones are void already.
            partition.decide(producer, span.start..span.end, true);
            if !inner.shared.options.read_only {
                // A failure takes the partition out of use, as any failed write does.
                let _ = partition.mark(producer, marker);
            }
        }
        false
    });
}

/// The part of a transaction that begins where records without a marker do.
fn holds<'a>(spans: &'a [Span], open: &Span) -> Option<&'a Span> {
    spans.iter().find(|span| {
        (span.topic, span.partition) == (open.topic, open.partition) && (span.start..span.end).contains(&open.start)
    })
}

/// What was appended and never prepared can't be committed by anyone.
fn abort_rest(inner: &Inner, state: &State, rest: BTreeMap<Producer, Vec<Span>>) -> Result<()> {
    if let Some(unknown) = rest.keys().find(|producer| producer.id >= state.next_producer) {
        return Err(Error::Corrupt {
            path: inner.root.join("transactions"),
            position: 0,
            detail: format!("the journal doesn't know producer {}, who has written to a topic", unknown.id),
            hint: "Bring the transactions folder back from a copy that is as new as the topics",
        });
    }
    if rest.is_empty() {
        return Ok(());
    }
    if inner.shared.options.read_only {
        for (producer, spans) in rest {
            for span in spans {
                if let Some(partition) = inner.partition_by_id(span.topic, span.partition) {
                    partition.decide(producer, span.start..span.end, false);
                }
            }
        }
        return Ok(());
    }
    let entries = rest.iter().map(|(producer, spans)| Entry::Aborted { producer: *producer, spans: spans.clone() });
    inner.record(|_| entries.collect())?;
    for (producer, spans) in &rest {
        inner.finish(*producer, spans, false);
    }
    Ok(())
}
