//! One part of a join as of a time on its way: all rows of some keys.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_plan::metrics::{BaselineMetrics, RecordOutput};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, future, stream};

use super::Matching;
use super::collect::{Whole, collect};
use super::left::{HeldLeft, Met};
use super::output::Output;
use super::right::HeldRight;

pub struct Part {
    pub matching: Arc<Matching>,
    pub output: Output,
    /// The columns of left rows that are given.
    pub given: Vec<usize>,
    /// The columns of right rows that are given, then the others by which ties are settled.
    pub kept: Vec<usize>,
    /// By which of `kept` ties are settled, in their order.
    pub by: Vec<usize>,
    pub batch_rows: usize,
    pub reservation: MemoryReservation,
    pub metrics: BaselineMetrics,
}

type Rows = BoxStream<'static, Result<RecordBatch>>;

impl Part {
    /// Rows in the order of the left ones.
    pub async fn run(self, left: SendableRecordBatchStream, right: SendableRecordBatchStream) -> Result<Rows> {
        let right = Whole::new(right, self.batch_rows);
        if !self.matching.holds_left {
            return self.hold_right(left, right).await;
        }
        let left = Whole::new(left, self.batch_rows);
        self.hold_left(left, right).await
    }

    async fn hold_right(self, left: SendableRecordBatchStream, right: Whole) -> Result<Rows> {
        let Part { matching, output, given, kept, by, reservation, metrics, .. } = self;
        let busy = metrics.elapsed_compute().clone();
        let right = collect(right, (&matching.right, &matching.types), &kept, reservation, &busy).await?;
        let mut held = HeldRight::new(matching, right, &by, output, &busy).await?;
        let rows = left.map(move |batch| {
            let batch = batch?;
            let _busy = busy.timer();
            Ok(held.meet(&batch, &given)?.record_output(&metrics))
        });
        Ok(rows.try_filter_map(future::ok).boxed())
    }

    async fn hold_left(self, left: Whole, mut right: Whole) -> Result<Rows> {
        let Part { matching, output, given, kept, by, reservation, metrics, .. } = self;
        let busy = metrics.elapsed_compute().clone();
        let left = collect(left, (&matching.left, &matching.types), &given, reservation, &busy).await?;
        let mut held = HeldLeft::new(matching, left, &busy).await?;
        while held.waits()
            && let Some(batch) = right.next().await?
        {
            let _busy = busy.timer();
            held.note(&batch, &kept, &by)?;
        }
        drop(right);
        let Met { left, right, reservation } = held.finish(&output);
        let rows = stream::iter(left).map(move |(left, met)| {
            let _busy = busy.timer();
            // It is given back when all rows are.
            let _held = &reservation;
            Ok(output.rows(&left, &met, &right)?.record_output(&metrics))
        });
        Ok(rows.try_filter_map(future::ok).boxed())
    }
}
