//! Plans that can be interrupted: what computes for long between two batches looks whether it still shall, and keeps no
//! other query from its turn.
//!
//! DataFusion's own operators give way at what they read, and some compute for hours on one batch of it: joins whose
//! condition nothing meets. The thread that they run on is then handed to others through the condition, which is asked
//! all the time.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task;

/// Set to end a plan's work.
pub type Stop = Arc<AtomicBool>;

/// Evaluations of a condition after which it gives its thread to others: one takes some ten microseconds.
const TURN: u32 = 64;

/// The same plan, whose joins give way between their batches and look at `stop` within them.
pub fn interruptible(plan: Arc<dyn ExecutionPlan>, stop: &Stop) -> Result<Arc<dyn ExecutionPlan>> {
    let guarded = |filter: &JoinFilter| {
        let inner = Arc::clone(filter.expression());
        let condition = Interruptible { inner, stop: Arc::clone(stop), evaluated: Arc::default() };
        JoinFilter::new(Arc::new(condition), filter.column_indices().to_vec(), Arc::clone(filter.schema()))
    };
    let cooperative = |join: Arc<dyn ExecutionPlan>| -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
        Ok(Transformed::yes(Arc::new(CooperativeExec::new(join))))
    };
    plan.transform_up(|node| {
        if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
            let filter = join.filter().map(guarded);
            let (left, right) = (Arc::clone(join.left()), Arc::clone(join.right()));
            let projection = join.projection().as_ref().map(|columns| columns.to_vec());
            return cooperative(Arc::new(NestedLoopJoinExec::try_new(
                left,
                right,
                filter,
                join.join_type(),
                projection,
            )?));
        }
        if let Some(join) = node.downcast_ref::<HashJoinExec>() {
            return match join.filter().map(guarded) {
                Some(filter) => cooperative(join.builder().with_filter(Some(filter)).build_exec()?),
                None => cooperative(node),
            };
        }
        if node.downcast_ref::<CrossJoinExec>().is_some() {
            return cooperative(node);
        }
        Ok(Transformed::no(node))
    })
    .data()
}

/// Whether other tasks wait behind this thread's, and another thread could take them over.
fn can_hand_over() -> bool {
    Handle::try_current().is_ok_and(|threads| threads.runtime_flavor() == RuntimeFlavor::MultiThread)
}

/// An expression that fails once it shall stop.
#[derive(Debug)]
struct Interruptible {
    inner: Arc<dyn PhysicalExpr>,
    stop: Stop,
    evaluated: Arc<AtomicU32>,
}

impl PartialEq for Interruptible {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner)
    }
}

impl Eq for Interruptible {}

impl Hash for Interruptible {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl fmt::Display for Interruptible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl PhysicalExpr for Interruptible {
    fn data_type(&self, input_schema: &Schema) -> Result<DataType> {
        self.inner.data_type(input_schema)
    }

    fn nullable(&self, input_schema: &Schema) -> Result<bool> {
        self.inner.nullable(input_schema)
    }

    fn return_field(&self, input_schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(input_schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.stop.load(Ordering::Relaxed) {
            // Nobody sees it: who reads the query was told why it ended.
            return Err(DataFusionError::Execution("the query was interrupted".to_owned()));
        }
        // Beyond the first time in one poll it costs next to nothing, as the thread has nothing left to hand over.
        if self.evaluated.fetch_add(1, Ordering::Relaxed) % TURN == TURN - 1 && can_hand_over() {
            return task::block_in_place(|| self.inner.evaluate(batch));
        }
        self.inner.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let inner = children.pop().unwrap_or_else(|| Arc::clone(&self.inner));
        Ok(Arc::new(Interruptible { inner, stop: Arc::clone(&self.stop), evaluated: Arc::clone(&self.evaluated) }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}
