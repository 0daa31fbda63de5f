//! GROUPING SETS, ROLLUP and CUBE as one list of keys: each row stands once for each set, with nulls for the keys that
//! the set leaves out, and the set's number is a key.
//!
//! The stream engine needs nothing else for them. Batch gets them the same way since DataFusion (55) takes a key that
//! is constant or sorted in the input for constant or sorted in every set, and tears groups apart.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result, ScalarValue, plan_err};
use datafusion::logical_expr::utils::grouping_set_to_exprlist;
use datafusion::logical_expr::{Aggregate, Expr, GroupingSet, LogicalPlan, LogicalPlanBuilder, lit, when};
use datafusion::optimizer::AnalyzerRule;

use super::refusal::Refusal;

/// The most groups that one row may be in.
const SETS_MAX: usize = 4_096;

#[derive(Debug)]
pub struct GroupingSetsByUnnest;

impl AnalyzerRule for GroupingSetsByUnnest {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let plain = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Aggregate(group) if matches!(group.group_expr.first(), Some(Expr::GroupingSet(_))) => {
                Ok(Transformed::yes(by_unnest(&group)?))
            }
            other => Ok(Transformed::no(other)),
        });
        plain.map(|plain| plain.data)
    }

    fn name(&self) -> &str {
        "grouping_sets_by_unnest"
    }
}

fn by_unnest(group: &Aggregate) -> Result<LogicalPlan> {
    let Some(Expr::GroupingSet(set)) = group.group_expr.first() else { return plan_err!("no grouping set") };
    let keys: Vec<Expr> = grouping_set_to_exprlist(&group.group_expr)?.into_iter().cloned().collect();
    if keys.len() > 48 {
        return Err(Refusal::new("grouping sets of more than 48 columns").into());
    }
    let id_type = group.schema.field(keys.len()).data_type().clone();
    let all = left_out(set, &keys)?;
    let ids = numbers(&all).into_iter().map(|id| ScalarValue::UInt64(Some(id)).cast_to(&id_type));
    let numbered = ids.zip(all).map(|(id, left_out)| Ok((id?, left_out))).collect::<Result<Vec<_>>>()?;
    // A set without keys has its one row also where there are no rows.
    let (totals, parts): (Vec<_>, Vec<_>) =
        numbered.into_iter().partition(|(_, left_out)| left_out.iter().all(|left_out| *left_out));
    let mut plans = totals.iter().map(|(id, _)| total(group, &keys, id)).collect::<Result<Vec<_>>>()?;
    if !parts.is_empty() {
        plans.insert(0, by_keys(group, &keys, &parts)?);
    }
    let mut plans = plans.into_iter();
    let Some(first) = plans.next() else { return plan_err!("no grouping set") };
    let all = plans.try_fold(LogicalPlanBuilder::from(first), |all, plan| all.union(plan))?;
    // The columns have the names that the others know.
    let named = all.schema().columns().into_iter().zip(group.schema.iter());
    let named: Vec<Expr> = named
        .map(|(column, (table, field))| Expr::Column(column).alias_qualified(table.cloned(), field.name()))
        .collect();
    all.project(named)?.build()
}

/// All rows as one group: nulls for the keys, the set's number, and the aggregates.
fn total(group: &Aggregate, keys: &[Expr], id: &ScalarValue) -> Result<LogicalPlan> {
    let grouped =
        LogicalPlanBuilder::from(Arc::clone(&group.input)).aggregate(Vec::<Expr>::new(), group.aggr_expr.clone())?;
    // Of no type: they take that of the other sets' keys, which is settled later.
    let nulls = (0..keys.len()).map(|at| lit(ScalarValue::Null).alias(format!("__grouping_key_{at}")));
    let mut columns: Vec<Expr> = nulls.collect();
    columns.push(lit(id.clone()).alias(Aggregate::INTERNAL_GROUPING_ID));
    columns.extend(grouped.schema().columns().into_iter().map(Expr::Column));
    grouped.project(columns)?.build()
}

/// The groups of sets that have keys, each with the set's number.
fn by_keys(group: &Aggregate, keys: &[Expr], sets: &[(ScalarValue, Vec<bool>)]) -> Result<LogicalPlan> {
    let (ids, sets): (Vec<ScalarValue>, Vec<&Vec<bool>>) =
        sets.iter().map(|(id, left_out)| (id.clone(), left_out)).unzip();
    let id_type = group.schema.field(keys.len()).data_type().clone();
    let id = Column::new_unqualified(Aggregate::INTERNAL_GROUPING_ID);
    let list = Expr::Literal(ScalarValue::List(ScalarValue::new_list_nullable(&ids, &id_type)), None);
    let columns: Vec<Expr> = group.input.schema().columns().into_iter().map(Expr::Column).collect();
    let mut with_keys = columns.clone();
    let mut by = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        if sets.iter().all(|left_out| !left_out[at]) {
            by.push(key.clone());
            continue;
        }
        let having = ids.iter().zip(&sets).filter(|(_, left_out)| !left_out[at]).map(|(id, _)| lit(id.clone()));
        let name = format!("__grouping_key_{at}");
        let of_set = when(Expr::Column(id.clone()).in_list(having.collect(), false), key.clone()).end()?;
        with_keys.push(of_set.alias(&name));
        by.push(Expr::Column(Column::new_unqualified(name)));
    }
    let id = Expr::Column(id);
    LogicalPlanBuilder::from(Arc::clone(&group.input))
        .project([columns, vec![list.alias(Aggregate::INTERNAL_GROUPING_ID)]].concat())?
        .unnest_column(Column::new_unqualified(Aggregate::INTERNAL_GROUPING_ID))?
        .project([with_keys, vec![id.clone()]].concat())?
        .aggregate([by, vec![id]].concat(), group.aggr_expr.clone())?
        .build()
}

/// Which keys each set leaves out.
fn left_out(set: &GroupingSet, keys: &[Expr]) -> Result<Vec<Vec<bool>>> {
    let number = keys.len();
    let too_many = |sets: u128| {
        Refusal::new(format!("each row would be in {sets} groups; {SETS_MAX} are the most"))
            .hint("name the GROUPING SETS that are needed")
    };
    Ok(match set {
        GroupingSet::GroupingSets(sets) if sets.len() > SETS_MAX => return Err(too_many(sets.len() as u128).into()),
        GroupingSet::GroupingSets(sets) => {
            sets.iter().map(|set| keys.iter().map(|key| !set.contains(key)).collect()).collect()
        }
        GroupingSet::Rollup(_) => (0..=number).map(|kept| (0..number).map(|at| at >= kept).collect()).collect(),
        GroupingSet::Cube(_) if number > 12 => return Err(too_many(1_u128 << number.min(120)).into()),
        GroupingSet::Cube(_) => {
            (0..1_usize << number).map(|mask| (0..number).map(|at| mask & (1 << at) != 0).collect()).collect()
        }
    })
}

/// Each set's number, as DataFusion's `grouping()` reads it: a bit for each key that is left out, the last key's lowest,
/// and above them how many equal sets stand before it.
fn numbers(sets: &[Vec<bool>]) -> Vec<u64> {
    let mut seen: HashMap<&[bool], u64> = HashMap::new();
    let mut all = Vec::new();
    for left_out in sets {
        let mask = left_out.iter().fold(0, |mask, out| (mask << 1) | u64::from(*out));
        let equal = seen.entry(left_out.as_slice()).or_default();
        all.push(mask | (*equal << left_out.len()));
        *equal += 1;
    }
    all
}
