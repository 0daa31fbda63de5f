//! Recursions that go round: `WITH RECURSIVE … UNION ALL` over a graph with a cycle would run until somebody ends it. Each
//! step's rows follow from those of the step before, so a step with the rows of an earlier one is the sign.

use std::collections::{HashMap, HashSet};
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
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::Stream;

use crate::Error;

/// The same plan, whose recursions end with an error where they go round. One that only the first rows are asked of may
/// go round, and one inside of another begins anew in each of its steps.
pub fn guarded(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_down(|node| {
        if is_limit(&node) {
            return Ok(Transformed::new(node, false, TreeNodeRecursion::Stop));
        }
        let Some(recursion) = node.downcast_ref::<RecursiveQueryExec>() else { return Ok(Transformed::no(node)) };
        // A recursion of distinct rows ends by itself. What is picked by numbers of rows, or summed up, does not follow
        // from which rows there are.
        if recursion.is_distinct() || !follows_from_rows(recursion.recursive_term())? {
            return Ok(Transformed::new(node, false, TreeNodeRecursion::Jump));
        }
        let guard = Guard {
            name: recursion.name().to_owned(),
            input: Arc::clone(recursion.recursive_term()),
            steps: Arc::default(),
        };
        let children = vec![Arc::clone(recursion.static_term()), Arc::new(guard) as Arc<dyn ExecutionPlan>];
        let guarded =
            node.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))?;
        Ok(Transformed::new(guarded, true, TreeNodeRecursion::Jump))
    })
    .data()
}

fn is_limit(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.fetch().is_some() || plan.name().contains("Limit")
}

/// Whether the rows that a plan gives follow from which rows it reads.
fn follows_from_rows(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let counts = ["Aggregate", "Window", "Unnest"];
    if is_limit(plan) || counts.iter().any(|word| plan.name().contains(word)) {
        return Ok(false);
    }
    let mut volatile = false;
    plan.apply_expressions(&mut |expression| {
        volatile |= is_volatile(expression);
        Ok(TreeNodeRecursion::Continue)
    })?;
    for child in plan.children() {
        if volatile || !follows_from_rows(child)? {
            return Ok(false);
        }
    }
    Ok(!volatile)
}

/// The most rows of a step, and the most steps, that are remembered: some 80 MiB.
const REMEMBERED: usize = 1 << 22;

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
        if self.rows.len() >= REMEMBERED {
            return Ok(());
        }
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
        let is_remembered = (1..REMEMBERED).contains(&self.rows.len());
        if std::mem::replace(&mut self.told, true) || !is_remembered {
            return Ok(());
        }
        let sum = self.rows.iter().fold(0_u128, |sum, hash| sum.wrapping_add(*hash));
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let step = steps.len() + 1;
        if step > REMEMBERED {
            return Ok(());
        }
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
