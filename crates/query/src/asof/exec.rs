//! Joins as of a time in batch: both sides by keys, one of them held in memory by keys and times, the other one looked up
//! in it as it goes by. It is the smaller side, as far as that is known, that is held.
//!
//! A part takes a sort of each key's rows on one side and a binary search for each row of the other: it never compares all
//! rows of a key with all others.

mod collect;
mod keys;
mod left;
mod output;
mod part;
mod points;
mod right;
mod search;
#[cfg(test)]
mod tests;
mod ties;

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{ColumnStatistics, JoinType, Result, Statistics, internal_err, plan_err, project_schema};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::equivalence::{ProjectionMapping, join_equivalence_properties};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{EmissionType, apply_expression_roots};
use datafusion::physical_plan::joins::utils::build_join_schema;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::projection::{EmbeddedProjection, ProjectionExec, try_embed_projection};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildStats, ChildrenPropertiesMode, DisplayAs, DisplayFormatType, Distribution, ExecutionPlan,
    ExecutionPlanProperties, InputDistributionRequirements, PlanProperties, ReplaceChildrenOptions, StatisticsArgs,
};
use futures::TryFutureExt;

use output::{Given, Output};
use part::Part;
pub use points::Side;

/// What such a join compares, as [`AsofJoin`](super::node::AsofJoin) says it.
#[derive(Debug, Clone)]
pub struct Matching {
    pub left: Side,
    pub right: Side,
    /// Of the keys, the same for both sides.
    pub types: Vec<DataType>,
    pub ttl_us: Option<i64>,
    pub strict: bool,
    pub keeps_left: bool,
    /// Whether the left rows are held in memory, and not the right ones.
    pub holds_left: bool,
}

/// Rows in the order of the left ones of their part.
#[derive(Debug, Clone)]
pub struct AsofJoinExec {
    left: Arc<dyn ExecutionPlan>,
    right: Arc<dyn ExecutionPlan>,
    matching: Arc<Matching>,
    /// All columns of the left, then all of the right.
    all: SchemaRef,
    /// Which of them are given; all of them where nothing is said.
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl AsofJoinExec {
    pub fn new(
        left: Arc<dyn ExecutionPlan>,
        right: Arc<dyn ExecutionPlan>,
        matching: Arc<Matching>,
        projection: Option<Vec<usize>>,
    ) -> Result<AsofJoinExec> {
        for (one, (left_key, right_key)) in matching.types.iter().zip(matching.left.on.iter().zip(&matching.right.on)) {
            let types = [left_key.data_type(&left.schema())?, right_key.data_type(&right.schema())?];
            if types.iter().any(|each| each != one) {
                return plan_err!("the keys of a join as of a time are of one type, not {} and {}", types[0], types[1]);
            }
        }
        let all = Arc::new(build_join_schema(&left.schema(), &right.schema(), &matching.join_type()).0);
        let properties = Arc::new(properties(&left, &right, &matching, &all, projection.as_deref())?);
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(AsofJoinExec { left, right, matching, all, projection, properties, metrics })
    }

    /// What is given, and which columns of the left and of the right these are.
    fn output(&self) -> (Output, Vec<usize>, Vec<usize>) {
        let left_columns = self.left.schema().fields().len();
        let (mut of_left, mut of_right) = (Vec::new(), Vec::new());
        let given = self.projection.clone().unwrap_or_else(|| (0..self.all.fields().len()).collect());
        let columns = given.into_iter().map(|column| match column.checked_sub(left_columns) {
            None => {
                of_left.push(column);
                Given::Left(of_left.len() - 1)
            }
            Some(column) => {
                of_right.push(column);
                Given::Right(of_right.len() - 1)
            }
        });
        let columns = columns.collect();
        (Output { schema: self.schema(), columns, keeps_left: self.matching.keeps_left }, of_left, of_right)
    }

    /// The columns of the right that are kept, which are those given and then the others by which ties are settled, and
    /// by which of them they are, in their order.
    fn kept(&self, given: Vec<usize>) -> (Vec<usize>, Vec<usize>) {
        let (mut kept, mut by) = (given, Vec::new());
        let equal = self.matching.equal_in_ties();
        for column in (0..self.right.schema().fields().len()).filter(|column| !equal.contains(column)) {
            let at = kept.iter().position(|each| *each == column);
            by.push(at.unwrap_or(kept.len()));
            if at.is_none() {
                kept.push(column);
            }
        }
        (kept, by)
    }
}

impl Matching {
    fn join_type(&self) -> JoinType {
        if self.keeps_left { JoinType::Left } else { JoinType::Inner }
    }

    /// Columns of the right that are the same in all rows of one key and one rank. Numbers that are equal are not always
    /// the same: zero has two encodings.
    fn equal_in_ties(&self) -> Vec<usize> {
        let keys = self.right.on.iter().zip(&self.types);
        let keys = keys.filter(|(_, kind)| !kind.is_floating() && !kind.is_nested()).map(|(key, _)| key);
        let columns = keys.chain([&self.right.time]).chain(&self.right.known);
        columns.filter_map(|expression| expression.downcast_ref::<Column>()).map(Column::index).collect()
    }
}

fn properties(
    left: &Arc<dyn ExecutionPlan>,
    right: &Arc<dyn ExecutionPlan>,
    matching: &Matching,
    all: &SchemaRef,
    projection: Option<&[usize]>,
) -> Result<PlanProperties> {
    let on: Vec<_> = matching.left.on.iter().cloned().zip(matching.right.on.iter().cloned()).collect();
    let mut equivalences = join_equivalence_properties(
        left.equivalence_properties().clone(),
        right.equivalence_properties().clone(),
        &matching.join_type(),
        Arc::clone(all),
        &[true, false],
        // Right rows are in no order behind that of the left ones.
        None,
        &on,
    )?;
    let mut partitioning = left.output_partitioning().clone();
    if let Some(projection) = projection {
        let mapping = ProjectionMapping::from_indices(projection, all)?;
        partitioning = partitioning.project(&mapping, &equivalences);
        equivalences = equivalences.project(&mapping, project_schema(all, Some(&projection))?);
    }
    let emission = if matching.holds_left { EmissionType::Final } else { left.pipeline_behavior() };
    Ok(PlanProperties::new(equivalences, partitioning, emission, left.boundedness()))
}

impl DisplayAs for AsofJoinExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Matching { left, right, ttl_us, strict, .. } = &*self.matching;
        let on: Vec<String> = left.on.iter().zip(&right.on).map(|(left, right)| format!("{left} = {right}")).collect();
        let compared = if *strict { ">" } else { ">=" };
        write!(f, "AsofJoinExec: {} {} {compared} {}", self.matching.join_type(), left.time, right.time)?;
        write!(f, ", on=[{}], held={}", on.join(", "), if self.matching.holds_left { "left" } else { "right" })?;
        if let Some(known) = &right.known {
            write!(f, ", known={known}")?;
        }
        if let Some(ttl_us) = ttl_us {
            write!(f, ", ttl_us={ttl_us}")?;
        }
        match &self.projection {
            Some(projection) => write!(f, ", projection={projection:?}"),
            None => Ok(()),
        }
    }
}

impl EmbeddedProjection for AsofJoinExec {
    fn with_projection(&self, projection: Option<Vec<usize>>) -> Result<AsofJoinExec> {
        AsofJoinExec::new(Arc::clone(&self.left), Arc::clone(&self.right), Arc::clone(&self.matching), projection)
    }
}

impl ExecutionPlan for AsofJoinExec {
    fn name(&self) -> &'static str {
        "AsofJoinExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.left, &self.right]
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let Matching { left, right, types, .. } = &*self.matching;
        if types.is_empty() {
            return InputDistributionRequirements::new(vec![Distribution::SinglePartition; 2]);
        }
        let by_keys = [left, right].map(|side| Distribution::KeyPartitioned(side.on.clone()));
        InputDistributionRequirements::co_partitioned(by_keys.to_vec())
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true, false]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let sides = [&self.matching.left, &self.matching.right];
        let roots = sides.iter().flat_map(|side| side.on.iter().chain([&side.time]).chain(&side.known));
        apply_expression_roots(roots, f)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([left, right]) = <[_; 2]>::try_from(children) else {
            return internal_err!("a join as of a time has two inputs");
        };
        Ok(Arc::new(match options.children_properties {
            ChildrenPropertiesMode::Keep => {
                let metrics = ExecutionPlanMetricsSet::new();
                AsofJoinExec { left, right, metrics, ..AsofJoinExec::clone(&self) }
            }
            ChildrenPropertiesMode::Recompute => {
                AsofJoinExec::new(left, right, Arc::clone(&self.matching), self.projection.clone())?
            }
        }))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let left = self.left.execute(partition, Arc::clone(&context))?;
        let right = self.right.execute(partition, Arc::clone(&context))?;
        let (output, given, of_right) = self.output();
        let (kept, by) = self.kept(of_right);
        let part = Part {
            matching: Arc::clone(&self.matching),
            output,
            given,
            kept,
            by,
            batch_rows: context.session_config().batch_size(),
            reservation: MemoryConsumer::new(format!("AsofJoin[{partition}]")).register(context.memory_pool()),
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        let rows = Box::pin(part.run(left, right).try_flatten_stream());
        Ok(Box::pin(cooperative(RecordBatchStreamAdapter::new(self.schema(), rows))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition), ChildStats::Skip]
    }

    /// Each left row is there once, or at most once.
    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let Some(left) = inputs.first().map(|left| Statistics::clone(left)) else {
            return Ok(Arc::new(Statistics::new_unknown(&self.schema())));
        };
        let mut all = if self.matching.keeps_left { left } else { left.to_inexact() };
        all.total_byte_size = Default::default();
        all.column_statistics.resize(self.all.fields().len(), ColumnStatistics::new_unknown());
        Ok(Arc::new(all.project(self.projection.as_ref())))
    }

    fn try_swapping_with_projection(&self, projection: &ProjectionExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        match self.projection {
            None => try_embed_projection(projection, self),
            Some(_) => Ok(None),
        }
    }
}
