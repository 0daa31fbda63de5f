//! Recursions that go round: `WITH RECURSIVE … UNION ALL` over a graph with a cycle would run until somebody ends it. Each
//! step's rows follow from those of the step before, so a step with the rows of an earlier one is the sign.

use std::collections::HashMap;
use std::collections::HashSet;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::hash_utils::{QualityRandomState, create_hashes};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::Stream;

use crate::Error;

/// The same plan, whose recursions end with an error where they go round.
pub fn guarded(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let Some(recursion) = node.downcast_ref::<RecursiveQueryExec>() else { return Ok(Transformed::no(node)) };
        // A recursion of distinct rows ends by itself. What is picked by numbers of rows, or summed up, does not follow
        // from which rows there are.
        if recursion.is_distinct() || !follows_from_rows(recursion.recursive_term()) {
            return Ok(Transformed::no(node));
        }
        let guard = Guard {
            name: recursion.name().to_owned(),
            input: Arc::clone(recursion.recursive_term()),
            steps: Arc::default(),
        };
        let children = vec![Arc::clone(recursion.static_term()), Arc::new(guard) as Arc<dyn ExecutionPlan>];
        Ok(Transformed::yes(
            node.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))?,
        ))
    })
    .data()
}

fn follows_from_rows(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let counts = ["Aggregate", "Limit", "Window", "Unnest"];
    plan.fetch().is_none()
        && !counts.iter().any(|word| plan.name().contains(word))
        && plan.children().into_iter().all(follows_from_rows)
}

/// Looks at what each step of a recursion gives.
#[derive(Debug)]
struct Guard {
    name: String,
    input: Arc<dyn ExecutionPlan>,
    steps: Arc<Mutex<Steps>>,
}

/// Steps by the sum of their rows' hashes, equal rows once.
type Steps = HashMap<u128, usize>;

impl DisplayAs for Guard {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CycleGuard: name={}", self.name)
    }
}

impl ExecutionPlan for Guard {
    fn name(&self) -> &'static str {
        "CycleGuard"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    /// Each step is executed on a copy of its own.
    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.pop().unwrap_or_else(|| Arc::clone(&self.input));
        Ok(Arc::new(Guard { name: self.name.clone(), input, steps: Arc::clone(&self.steps) }))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context)?;
        let (name, steps) = (self.name.clone(), Arc::clone(&self.steps));
        Ok(Box::pin(Step { name, input, steps, rows: HashSet::new(), told: false }))
    }
}

/// The rows of one step on their way.
struct Step {
    name: String,
    input: SendableRecordBatchStream,
    steps: Arc<Mutex<Steps>>,
    rows: HashSet<u128>,
    told: bool,
}

impl Step {
    fn note(&mut self, rows: &RecordBatch) -> Result<()> {
        let hashes = |seed: u64| -> Result<Vec<u64>> {
            let mut hashes = vec![0; rows.num_rows()];
            create_hashes(rows.columns(), &QualityRandomState::with_seed(seed), &mut hashes)?;
            Ok(hashes)
        };
        let (high, low) = (hashes(1)?, hashes(2)?);
        self.rows.extend(high.into_iter().zip(low).map(|(high, low)| u128::from(high) << 64 | u128::from(low)));
        Ok(())
    }

    /// All rows of the step have come.
    fn end(&mut self) -> Result<()> {
        if self.rows.is_empty() || std::mem::replace(&mut self.told, true) {
            return Ok(());
        }
        let sum = self.rows.iter().fold(0_u128, |sum, hash| sum.wrapping_add(*hash));
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let step = steps.len() + 1;
        match steps.insert(sum, step) {
            None => Ok(()),
            Some(before) => Err(DataFusionError::External(Box::new(Error::Execution(format!(
                "the recursion of {} goes round: step {step} gave the rows of step {before} again; write UNION, which \
                 takes each row once, instead of UNION ALL, or leave out by WHERE what was there",
                self.name
            ))))),
        }
    }
}

impl Stream for Step {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        Poll::Ready(match ready!(Pin::new(&mut self.input).poll_next(context)) {
            Some(Ok(rows)) => Some(self.note(&rows).map(|()| rows)),
            Some(Err(error)) => Some(Err(error)),
            None => self.end().err().map(Err),
        })
    }
}

impl RecordBatchStream for Step {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }
}
