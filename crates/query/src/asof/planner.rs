//! From the logical to the physical plan: what is planned as DataFusion plans it, and joins as of a time as [`exec`].
//!
//! [`exec`]: super::exec

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{Result, internal_err};
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::{ExecutionPlan, StatisticsArgs, StatisticsContext};
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};

use super::exec::{AsofJoinExec, Matching, Side};
use super::node::AsofJoin;

/// Plans all that queries have.
#[derive(Debug)]
pub struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(AsofPlanner)]);
        planner.create_physical_plan(plan, session).await
    }
}

struct AsofPlanner;

#[async_trait]
impl ExtensionPlanner for AsofPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(join) = node.as_any().downcast_ref::<AsofJoin>() else { return Ok(None) };
        let [left, right] = inputs else { return internal_err!("a join as of a time has two inputs") };
        let of_left = |expr: &Expr| planner.create_physical_expr(expr, join.left.schema(), session, context);
        let of_right = |expr: &Expr| planner.create_physical_expr(expr, join.right.schema(), session, context);
        let (mut left_on, mut right_on) = (Vec::new(), Vec::new());
        for (left, right) in join.keys()? {
            left_on.push(of_left(&left)?);
            right_on.push(of_right(&right)?);
        }
        let types = left_on.iter().map(|key| key.data_type(&left.schema())).collect::<Result<_>>()?;
        let (left_time, right_time) = (of_left(&join.times.0)?, of_right(&join.times.1)?);
        let known = join.known.as_ref().map(of_right).transpose()?;
        let matching = Matching {
            left: Side { on: left_on, time: left_time, known: None, is_before: false },
            right: Side { on: right_on, time: right_time, known, is_before: join.strict },
            types,
            ttl_us: join.ttl_us,
            strict: join.strict,
            keeps_left: join.keeps_left,
            holds_left: holds_left(left, right)?,
        };
        let exec = AsofJoinExec::new(Arc::clone(left), Arc::clone(right), Arc::new(matching), None)?;
        Ok(Some(Arc::new(exec)))
    }
}

/// Left rows that are few beside right rows of which nobody knows how many they are.
const FEW: usize = 1 << 20;

/// Whether the left side is known to be the smaller one.
fn holds_left(left: &Arc<dyn ExecutionPlan>, right: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let rows = |plan: &Arc<dyn ExecutionPlan>| -> Result<Option<usize>> {
        let statistics = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new())?;
        Ok(statistics.num_rows.get_value().copied())
    };
    Ok(match (rows(left)?, rows(right)?) {
        (Some(left), Some(right)) => left < right,
        (Some(left), None) => left <= FEW,
        (None, _) => false,
    })
}
